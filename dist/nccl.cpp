#include <nccl.h>
#include <stint/dist/nccl.h>
#include <stint/dist/task_queue.h>
#include <stint/runtime/cuda_driver.h>
#include <stint/runtime/purpose.h>
#include <stint/runtime/shared_library.h>
#include <stint/runtime/stream.h>

#include <cstring>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

namespace stint::dist {

namespace {

using Clock = std::chrono::steady_clock;

struct Library {
  decltype(&ncclGetUniqueId) unique_id;
  decltype(&ncclCommInitRankConfig) init;
  decltype(&ncclCommGetAsyncError) async_error;
  decltype(&ncclCommAbort) abort;
  decltype(&ncclGetErrorString) error_string;
  decltype(&ncclGroupStart) group_start;
  decltype(&ncclGroupEnd) group_end;
  decltype(&ncclAllReduce) all_reduce;
  decltype(&ncclReduce) reduce;
  decltype(&ncclBroadcast) broadcast;
  decltype(&ncclSend) send;
  decltype(&ncclRecv) recv;

  Library() {
    SharedLibrary library("NCCL", {"libnccl.so.2"});
    library.get(unique_id, "ncclGetUniqueId");
    library.get(init, "ncclCommInitRankConfig");
    library.get(async_error, "ncclCommGetAsyncError");
    library.get(abort, "ncclCommAbort");
    library.get(error_string, "ncclGetErrorString");
    library.get(group_start, "ncclGroupStart");
    library.get(group_end, "ncclGroupEnd");
    library.get(all_reduce, "ncclAllReduce");
    library.get(reduce, "ncclReduce");
    library.get(broadcast, "ncclBroadcast");
    library.get(send, "ncclSend");
    library.get(recv, "ncclRecv");
  }
};

const Library& library() {
  static const Library functions;
  return functions;
}

ncclDataType_t type_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return ncclFloat32;
    case DType::bf16:
      return ncclBfloat16;
    case DType::i32:
      return ncclInt32;
    case DType::i64:
      return ncclInt64;
    case DType::u8:
      break;
  }
  return ncclUint8;
}

std::size_t size(const Tensor& tensor) {
  return static_cast<std::size_t>(tensor.count());
}

constexpr auto look_every = std::chrono::milliseconds(100);  // for the end of another rank
constexpr auto abort_patience = std::chrono::seconds(1);     // then the communicator is left as it is
constexpr auto end_patience = std::chrono::seconds(5);       // the same where nothing is wrong
constexpr auto reason_patience = std::chrono::milliseconds(200);

void check(ncclResult_t result) {
  if (result == ncclSuccess || result == ncclInProgress) return;
  bool ours = result == ncclInvalidArgument || result == ncclInvalidUsage;
  throw Error(ours ? ErrorKind::runtime : ErrorKind::peer_lost,
              fmt::format("NCCL: {}", library().error_string(result)));
}

/// A group of calls that becomes one: also where one of them fails, or the thread's next calls would join it.
class CallGroup {
 public:
  CallGroup() { check(library().group_start()); }
  ~CallGroup() {
    if (open_) library().group_end();
  }
  CallGroup(const CallGroup&) = delete;
  CallGroup& operator=(const CallGroup&) = delete;

  void end() {
    open_ = false;
    check(library().group_end());
  }

 private:
  bool open_ = true;
};

/// One rank. A call passes through two threads: one compares it with the other ranks' calls, by way of the witness, and
/// gives it to NCCL, on the group's own stream; one waits until the stream has passed it. The communicator does not
/// block: NCCL works on a call in a thread of its own, and until that is done (ncclInProgress) it may be asked for its
/// state and be aborted, and nothing else.
class Nccl : public Communicator {
 public:
  Nccl(int rank, int size, const NcclId& id, Device device, Clock::duration timeout, Communicator* witness)
      : Communicator(rank, size), device_(device), timeout_(timeout), witness_(witness), stream_(Stream::make(device)) {
    carry_out("nccl", [&] { connect(id); });
    issuer_ = std::thread([this] { issue_calls(); });
    watcher_ = std::thread([this] { watch(); });
  }

  ~Nccl() override {
    called_.close();
    issuer_.join();
    watcher_.join();
    end(end_patience);
  }

  void abort(const Error& reason) override {
    std::lock_guard lock(mutex_);
    if (broken_.empty()) broken_ = reason.what();
    end(abort_patience);
  }

 private:
  struct Task {
    Header header;
    Event ready;                 // the caller's work before the call
    std::shared_ptr<void> done;  // an event behind the collective
    std::shared_ptr<Work::Promise> promise;
    Call call;  // keeps the tensors alive
  };

  void connect(const NcclId& id) {
    cuda_driver::use(device_.index);
    ncclUniqueId unique;
    static_assert(sizeof(unique) == sizeof(NcclId));
    std::memcpy(&unique, id.data(), sizeof(unique));
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;  // so that a rank that does not come is our timeout
    check(library().init(&communicator_, size(), unique, rank(), &config));
    settle();
  }

  Work start(Call call) override {
    require(call.device() == device_, name_of(call.operation), "expected tensors on {}, got {}", device_.name(),
            call.device().name());
    if (!is_pair(call.operation)) ++collectives_;
    Header header(call, collectives_, rank(), size());
    Task task{std::move(header),
              {},
              cuda_driver::make_event(device_.index),
              std::make_shared<Work::Promise>(),
              std::move(call)};
    task.ready.record(Stream::current(device_));
    Work work(task.promise);
    called_.push(std::move(task));
    return work;
  }

  void issue_calls() {
    PurposeScope purpose(Purpose::communication);
    while (auto task = called_.pop()) {
      if (succeeds(*task, [&] { issue(*task); })) issued_.push(std::move(*task));
    }
    issued_.close();
  }

  void watch() {
    while (auto task = issued_.pop()) {
      if (succeeds(*task, [&] { await(*task); })) finish(std::move(*task));
    }
  }

  /// Whether it does; if not the task has ended with the error.
  template <typename Action>
  bool succeeds(Task& task, const Action& action) {
    try {
      carry_out(std::string(name_of(task.call.operation)), action);
      return true;
    } catch (const Error&) {
      finish(std::move(task), std::current_exception());
      return false;
    }
  }

  /// Before they know its tensors are the caller's alone again.
  static void finish(Task task, std::exception_ptr error = nullptr) {
    auto promise = std::move(task.promise);
    { Task done = std::move(task); }
    promise->finish(std::move(error));
  }

  /// Any error ends the group, and names what was called and, where that is known, whose fault it was.
  template <typename Action>
  void carry_out(const std::string& name, const Action& action) {
    try {
      action();
    } catch (const std::exception& failure) {
      Error error = as_error(failure), full(error.kind(), fmt::format("{}: {}", name, explained(error)));
      if (witness_) witness_->abort(full);  // first: NCCL may take a while to let go
      abort(full);
      throw full;
    }
  }

  /// NCCL does not know which rank has ended; whoever does may take a moment to notice.
  std::string explained(const Error& error) const {
    auto deadline = Clock::now() + reason_patience;
    while (witness_ && error.kind() == ErrorKind::peer_lost) {
      std::string fault = witness_->fault();
      if (!fault.empty()) return fault;
      if (Clock::now() > deadline) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    if (error.kind() != ErrorKind::peer_lost) return error.what();  // which `fault_text` puts our rank before
    return fmt::format("rank {}: {}", rank(), error.what());
  }

  ncclResult_t state() {
    std::lock_guard lock(mutex_);
    if (!communicator_) throw Error(ErrorKind::peer_lost, "this group has ended: " + broken_);
    ncclResult_t result = ncclSuccess;
    check(library().async_error(communicator_, &result));
    check(result);
    return result;
  }

  void settle() {
    wait_until(Clock::now() + timeout_, [&] { return state() != ncclInProgress; });
  }

  /// Errors (ErrorKind::peer_lost): NCCL's own; another rank has ended; too late, of which NCCL has no notion.
  template <typename Done>
  void wait_until(Clock::time_point deadline, const Done& done) {
    auto look = Clock::now() + look_every;
    while (!done()) {
      auto now = Clock::now();
      if (witness_ && now > look) {
        std::string fault = witness_->fault();
        if (!fault.empty()) throw Error(ErrorKind::peer_lost, fault);
        look = now + look_every;
      }
      if (now > deadline) {
        double seconds = std::chrono::duration<double>(timeout_).count();
        std::string fault = witness_ ? witness_->late() : "";
        if (fault.empty()) fault = fmt::format("a rank did not come within {:.1f} s", seconds);
        throw Error(ErrorKind::peer_lost, fault);
      }
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
  }

  void issue(const Task& task) {
    if (witness_ && size() > 1) witness_->agree(task.header);
    queue(task);
    settle();  // only now is it in the stream
    cuda_driver::record(device_.index, task.done.get(), stream_.native());
  }

  void queue(const Task& task) {
    std::lock_guard lock(mutex_);
    if (!communicator_) throw Error(ErrorKind::peer_lost, "this group has ended: " + broken_);
    cuda_driver::use(device_.index);
    task.ready.hold_up(stream_);
    CallGroup group;
    hand_over(task.call);
    group.end();
  }

  void hand_over(const Call& call) {
    switch (call.operation) {
      case Operation::all_reduce:
        check(library().all_reduce(call.x.raw(), call.x.raw(), stint::dist::size(call.x), type_of(call.dtype()),
                                   how(call), communicator_, stream()));
        break;
      case Operation::reduce_scatter:
        for (int r = 0; r < size(); ++r) reduce_to(call, r);
        break;
      case Operation::all_gather:
        for (int r = 0; r < size(); ++r) broadcast_from(call, r);
        break;
      case Operation::all_to_all:
        for (int r = 0; r < size(); ++r) send(call.out[r], r);
        for (int r = 0; r < size(); ++r) receive(call.in[r], r);
        break;
      case Operation::broadcast:
        check(library().broadcast(call.x.raw(), call.x.raw(), stint::dist::size(call.x), type_of(call.dtype()),
                                  call.peer, communicator_, stream()));
        break;
      case Operation::gather:
        send(call.x, call.peer);
        for (int r = 0; rank() == call.peer && r < size(); ++r) receive(call.in[r], r);
        break;
      case Operation::send:
        send(call.x, call.peer);
        break;
      case Operation::recv:
        receive(call.x, call.peer);
        break;
    }
  }

  void reduce_to(const Call& call, int r) {
    Tensor slice = slice_of(call.x, r, size());
    void* to = r == rank() ? call.in[0].raw() : nullptr;
    check(library().reduce(slice.raw(), to, stint::dist::size(slice), type_of(call.dtype()), how(call), r,
                           communicator_, stream()));
  }

  void broadcast_from(const Call& call, int r) {
    const Tensor& from = r == rank() ? call.x : call.in[r];
    check(library().broadcast(from.raw(), call.in[r].raw(), stint::dist::size(from), type_of(call.dtype()), r,
                              communicator_, stream()));
  }

  void send(const Tensor& x, int to) {
    check(library().send(x.raw(), stint::dist::size(x), type_of(x.dtype()), to, communicator_, stream()));
  }

  void receive(const Tensor& x, int from) {
    check(library().recv(x.raw(), stint::dist::size(x), type_of(x.dtype()), from, communicator_, stream()));
  }

  static ncclRedOp_t how(const Call& call) { return call.reduce == Reduce::mean ? ncclAvg : ncclSum; }
  cudaStream_t stream() const { return static_cast<cudaStream_t>(stream_.native()); }

  void await(const Task& task) {
    wait_until(Clock::now() + timeout_,
               [&] { return state() != ncclInProgress && cuda_driver::is_done(device_.index, task.done.get()); });
  }

  /// NCCL's abort may wait for a device that never comes to rest. Then it is left to it: who called us has to be able
  /// to end the process.
  void end(Clock::duration patience) {
    if (!communicator_) return;
    auto returned = std::make_shared<std::promise<void>>();
    auto work = [returned, device = device_.index, communicator = std::exchange(communicator_, nullptr)] {
      cuda_driver::use(device);
      library().abort(communicator);
      returned->set_value();
    };
    std::thread(work).detach();
    returned->get_future().wait_for(patience);
  }

  Device device_;
  Clock::duration timeout_;
  Communicator* witness_;
  Stream stream_;
  ncclComm_t communicator_ = nullptr;
  std::mutex mutex_;  // of the communicator
  std::string broken_;
  std::int64_t collectives_ = 0;
  TaskQueue<Task> called_, issued_;
  std::thread issuer_, watcher_;
};

}  // namespace

bool has_nccl() {
  return true;
}

NcclId make_nccl_id() {
  ncclUniqueId unique;
  NcclId id;
  if (library().unique_id(&unique) != ncclSuccess) fail(ErrorKind::runtime, "nccl", "cannot make an id for a group");
  std::memcpy(id.data(), &unique, sizeof(unique));
  return id;
}

std::unique_ptr<Communicator> nccl(int rank, int size, const NcclId& id, Device device,
                                   std::chrono::duration<double> timeout, Communicator* witness) {
  return std::make_unique<Nccl>(rank, size, id, device, std::chrono::duration_cast<Clock::duration>(timeout), witness);
}

}  // namespace stint::dist
