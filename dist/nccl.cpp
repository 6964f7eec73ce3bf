#include <cuda_runtime.h>
#include <nccl.h>
#include <stint/dist/nccl.h>
#include <stint/runtime/cuda_driver.h>
#include <stint/runtime/shared_library.h>
#include <stint/runtime/stream.h>

#include <cstring>
#include <deque>
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

/// One rank. A call is queued on the group's own stream; the watcher finishes its promise when the stream has passed
/// it.
class Nccl : public Communicator {
 public:
  Nccl(int rank, int size, const NcclId& id, Device device, Clock::duration timeout)
      : Communicator(rank, size), device_(device), timeout_(timeout), stream_(Stream::make(device)) {
    connect(id);
    watcher_ = std::thread([this] { watch(); });
  }

  ~Nccl() override {
    {
      std::lock_guard lock(mutex_);
      finishing_ = true;
    }
    queued_.notify_one();
    watcher_.join();
    end();
  }

  void abort(const std::string& reason) override {
    std::lock_guard lock(mutex_);
    if (broken_.empty()) broken_ = reason;
    end();
  }

 private:
  struct Pending {
    std::string name;
    std::shared_ptr<void> done;  // an event behind it
    Clock::time_point deadline;
    std::shared_ptr<Work::Promise> promise;
    Call call;  // keeps the tensors alive
  };

  void connect(const NcclId& id) {
    cuda_driver::check(cudaSetDevice(device_.index), "choosing the device");
    ncclUniqueId unique;
    static_assert(sizeof(unique) == sizeof(NcclId));
    std::memcpy(&unique, id.data(), sizeof(unique));
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;  // so that a rank that does not come is our timeout
    check(library().init(&communicator_, size(), unique, rank(), &config));
    settle("connecting");
  }

  /// A non-blocking call that is still in progress is waited for, within the timeout.
  void settle(const char* action) {
    auto deadline = Clock::now() + timeout_;
    ncclResult_t state = ncclInProgress;
    for (;;) {
      check(library().async_error(communicator_, &state));
      if (state != ncclInProgress) break;
      if (Clock::now() > deadline) {
        end();
        fail(ErrorKind::peer_lost, "nccl", "not all {} ranks came within {:.1f} s while {}", size(), timeout_seconds(),
             action);
      }
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
    check(state);
  }

  double timeout_seconds() const { return std::chrono::duration<double>(timeout_).count(); }

  static void check(ncclResult_t result) {
    if (result == ncclSuccess || result == ncclInProgress) return;
    fail(ErrorKind::peer_lost, "nccl", "{}", library().error_string(result));
  }

  Work start(Call call) override {
    std::string name(name_of(call.operation));
    require(call.device() == device_, name, "expected tensors on {}, got {}", device_.name(), call.device().name());
    std::lock_guard lock(mutex_);
    if (!broken_.empty()) fail(ErrorKind::peer_lost, name, "this group has ended: {}", broken_);
    cuda_driver::check(cudaSetDevice(device_.index), "choosing the device");
    cuda_driver::order(device_.index, Stream::current(device_).native(), stream_.native());
    issue(call);
    settle(name.c_str());
    Pending pending{std::move(name), cuda_driver::make_event(device_.index), Clock::now() + timeout_,
                    std::make_shared<Work::Promise>(), std::move(call)};
    cuda_driver::record(device_.index, pending.done.get(), stream_.native());
    Work work(pending.promise);
    pending_.push_back(std::move(pending));
    queued_.notify_one();
    return work;
  }

  void issue(const Call& call) {
    check(library().group_start());
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
    check(library().group_end());
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

  void watch() {
    for (;;) {
      std::unique_lock lock(mutex_);
      queued_.wait(lock, [&] { return finishing_ || !pending_.empty(); });
      if (pending_.empty()) return;
      Pending pending = std::move(pending_.front());
      pending_.pop_front();
      lock.unlock();
      pending.promise->finish(await(pending));
    }
  }

  /// Null when the collective is done; NCCL itself knows no timeout.
  std::exception_ptr await(const Pending& pending) {
    try {
      while (!is_done(pending)) {
        ncclResult_t state = ncclSuccess;
        {
          std::lock_guard lock(mutex_);
          if (!communicator_) fail(ErrorKind::peer_lost, pending.name, "this group has ended: {}", broken_);
          check(library().async_error(communicator_, &state));
        }
        check(state);
        if (Clock::now() > pending.deadline) {
          fail(ErrorKind::peer_lost, pending.name, "a rank did not come within {:.1f} s", timeout_seconds());
        }
        std::this_thread::sleep_for(std::chrono::microseconds(20));
      }
      return nullptr;
    } catch (const Error& error) {
      abort(error.what());
      return std::current_exception();
    }
  }

  static bool is_done(const Pending& pending) {
    cudaError_t state = cudaEventQuery(static_cast<cudaEvent_t>(pending.done.get()));
    if (state == cudaErrorNotReady) return false;
    cuda_driver::check(state, "waiting for a collective");
    return true;
  }

  void end() {
    if (communicator_) library().abort(std::exchange(communicator_, nullptr));
  }

  Device device_;
  Clock::duration timeout_;
  Stream stream_;
  ncclComm_t communicator_ = nullptr;
  std::mutex mutex_;
  std::condition_variable queued_;
  std::deque<Pending> pending_;
  std::string broken_;
  bool finishing_ = false;
  std::thread watcher_;
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
                                   std::chrono::duration<double> timeout) {
  return std::make_unique<Nccl>(rank, size, id, device, std::chrono::duration_cast<Clock::duration>(timeout));
}

}  // namespace stint::dist
