// NCCL for ranks that are threads of one process and share the simulated device: the interface of a communicator that
// does not block, and a judge of how it is used. A group of calls is in no stream before its thread has taken it up, a
// while after ncclGroupEnd; until then the communicator is in progress, and whatever is asked of it but its state and
// an abort is an invalid use. STINT_FAKE_NCCL_ABORT_S: seconds that an abort takes.

#include <nccl.h>

#include <atomic>
#include <bit>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "simt.h"
#include "simt_stream.h"

namespace {

using Bytes = std::vector<char>;
constexpr auto launch_delay = std::chrono::milliseconds(2);

/// The ranks of one group, and what they have sent each other.
struct World {
  explicit World(int ranks) : size(ranks), boxes(ranks * ranks) {}

  void send(int from, int to, Bytes message) {
    std::lock_guard lock(mutex);
    boxes[from * size + to].push_back(std::move(message));
    changed.notify_all();
  }
  /// False if the group ends before there is one.
  bool receive(int from, int to, Bytes& message) {
    std::unique_lock lock(mutex);
    auto& box = boxes[from * size + to];
    changed.wait(lock, [&] { return failed || !box.empty(); });
    if (box.empty()) return false;
    message = std::move(box.front());
    box.pop_front();
    return true;
  }

  int size, joined = 0;
  bool failed = false;
  std::vector<std::deque<Bytes>> boxes;  // [from, to]
  std::mutex mutex;
  std::condition_variable changed;
};

std::shared_ptr<World> world_of(const ncclUniqueId& id, int size) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<World>> all;
  std::lock_guard lock(mutex);
  auto& known = all[std::string(id.internal, sizeof(id.internal))];
  auto world = known.lock();
  if (!world) known = world = std::make_shared<World>(size);
  return world;
}

std::size_t size_of(ncclDataType_t type) {
  return type == ncclUint8 ? 1 : type == ncclBfloat16 ? 2 : type == ncclInt64 ? 8 : 4;
}

double read_element(const char* at, ncclDataType_t type) {
  if (type == ncclBfloat16) {
    std::uint32_t bits = 0;
    std::memcpy(reinterpret_cast<char*>(&bits) + 2, at, 2);
    return std::bit_cast<float>(bits);
  }
  auto as = [&](auto value) {
    std::memcpy(&value, at, sizeof(value));
    return static_cast<double>(value);
  };
  return type == ncclFloat32 ? as(0.0f)
         : type == ncclInt32 ? as(std::int32_t{})
         : type == ncclInt64 ? as(std::int64_t{})
                             : as(std::uint8_t{});
}

void write_element(char* at, ncclDataType_t type, double value) {
  auto as = [&](auto typed) { std::memcpy(at, &typed, sizeof(typed)); };
  if (type == ncclFloat32) return as(static_cast<float>(value));
  if (type == ncclInt32) return as(static_cast<std::int32_t>(value));
  if (type == ncclInt64) return as(static_cast<std::int64_t>(value));
  if (type == ncclUint8) return as(static_cast<std::uint8_t>(value));
  auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));  // exact for what the tests send
  std::memcpy(at, reinterpret_cast<char*>(&bits) + 2, 2);
}

/// What a call does first, which never waits, and what it does when all of its group have done that.
struct Step {
  std::function<void()> give;
  std::function<bool()> take;  // false: the group has ended
};

}  // namespace

struct ncclComm {
  ncclComm(std::shared_ptr<World> of, int number) : world(std::move(of)), rank(number), thread([this] { serve(); }) {}

  void serve() {
    for (;;) {
      std::unique_lock lock(mutex);
      called.wait(lock, [&] { return ends || !groups.empty(); });
      if (ends) return;
      auto [stream, steps] = std::move(groups.front());
      groups.pop_front();
      lock.unlock();
      std::this_thread::sleep_for(launch_delay);
      ++stream->queued;
      lock.lock();
      --launching;
      lock.unlock();
      bool whole = true;
      for (Step& step : steps) step.give();
      for (Step& step : steps) whole = whole && (!step.take || step.take());
      if (whole) ++stream->done;
    }
  }

  ncclResult_t state() {
    std::scoped_lock lock(mutex, world->mutex);
    if (world->failed) return ncclRemoteError;
    return world->joined < world->size || launching > 0 ? ncclInProgress : ncclSuccess;
  }

  std::shared_ptr<World> world;
  int rank;
  std::mutex mutex;
  std::condition_variable called;
  std::deque<std::pair<stint::simt::Stream*, std::vector<Step>>> groups;
  int launching = 0;
  bool ends = false;
  std::thread thread;
};

namespace {

thread_local int depth = 0;
thread_local std::vector<Step> open_steps;
thread_local ncclComm_t open_comm = nullptr;
thread_local stint::simt::Stream* open_stream = nullptr;

ncclResult_t add(ncclComm_t comm, cudaStream_t stream, Step step) {
  if (depth == 0 || comm->state() == ncclInProgress) return ncclInvalidUsage;
  open_comm = comm;
  open_stream = static_cast<stint::simt::Stream*>(stream);
  open_steps.push_back(std::move(step));
  return ncclSuccess;
}

void give(ncclComm_t comm, int to, const void* from, std::size_t bytes) {
  Bytes message(bytes);
  {
    stint::simt::DeviceAccess access;
    if (bytes > 0) std::memcpy(message.data(), from, bytes);
  }
  comm->world->send(comm->rank, to, std::move(message));
}

bool take(ncclComm_t comm, int from, void* to, std::size_t bytes) {
  Bytes message;
  if (!comm->world->receive(from, comm->rank, message) || message.size() != bytes) return false;
  stint::simt::DeviceAccess access;
  if (bytes > 0) std::memcpy(to, message.data(), bytes);
  return true;
}

/// Receives every rank's vector and adds them.
bool take_sum(ncclComm_t comm, void* to, std::size_t count, ncclDataType_t type, ncclRedOp_t how) {
  std::vector<double> sum(count);
  for (int r = 0; r < comm->world->size; ++r) {
    Bytes message;
    if (!comm->world->receive(r, comm->rank, message) || message.size() != count * size_of(type)) return false;
    for (std::size_t i = 0; i < count; ++i) sum[i] += read_element(message.data() + i * size_of(type), type);
  }
  stint::simt::DeviceAccess access;
  for (std::size_t i = 0; i < count; ++i) {
    double value = how == ncclAvg ? sum[i] / comm->world->size : sum[i];
    write_element(static_cast<char*>(to) + i * size_of(type), type, value);
  }
  return true;
}

}  // namespace

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  static std::atomic<int> number = 0;
  *id = {};
  std::string text = std::to_string(++number);
  std::memcpy(id->internal, text.data(), text.size());
  return ncclSuccess;
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t* comm, int size, ncclUniqueId id, int rank, ncclConfig_t* config) {
  if (config->blocking != 0) return ncclInvalidArgument;
  auto world = world_of(id, size);
  *comm = new ncclComm(world, rank);
  std::lock_guard lock(world->mutex);
  ++world->joined;
  return ncclInProgress;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* state) {
  *state = comm->state();
  return ncclSuccess;
}

ncclResult_t ncclCommAbort(ncclComm_t comm) {
  if (const char* seconds = std::getenv("STINT_FAKE_NCCL_ABORT_S")) {
    std::this_thread::sleep_for(std::chrono::duration<double>(std::atof(seconds)));
  }
  {
    std::scoped_lock lock(comm->mutex, comm->world->mutex);
    comm->ends = comm->world->failed = true;
  }
  comm->called.notify_all();
  comm->world->changed.notify_all();
  comm->thread.join();
  delete comm;
  return ncclSuccess;
}

const char* ncclGetErrorString(ncclResult_t result) {
  return result == ncclRemoteError ? "remote process exited" : result == ncclInvalidUsage ? "invalid usage" : "error";
}

ncclResult_t ncclGroupStart() {
  ++depth;
  return ncclSuccess;
}

ncclResult_t ncclGroupEnd() {
  if (--depth > 0) return ncclSuccess;
  ncclComm_t comm = std::exchange(open_comm, nullptr);
  if (!comm) return ncclSuccess;
  {
    std::lock_guard lock(comm->mutex);
    comm->groups.emplace_back(open_stream, std::exchange(open_steps, {}));
    ++comm->launching;
  }
  comm->called.notify_all();
  return ncclInProgress;
}

ncclResult_t ncclAllReduce(const void* from, void* to, std::size_t count, ncclDataType_t type, ncclRedOp_t how,
                           ncclComm_t comm, cudaStream_t stream) {
  auto give_all = [=] {
    for (int r = 0; r < comm->world->size; ++r) give(comm, r, from, count * size_of(type));
  };
  return add(comm, stream, {give_all, [=] { return take_sum(comm, to, count, type, how); }});
}

ncclResult_t ncclReduce(const void* from, void* to, std::size_t count, ncclDataType_t type, ncclRedOp_t how, int root,
                        ncclComm_t comm, cudaStream_t stream) {
  Step step{[=] { give(comm, root, from, count * size_of(type)); }, {}};
  if (comm->rank == root) step.take = [=] { return take_sum(comm, to, count, type, how); };
  return add(comm, stream, step);
}

ncclResult_t ncclBroadcast(const void* from, void* to, std::size_t count, ncclDataType_t type, int root,
                           ncclComm_t comm, cudaStream_t stream) {
  auto give_all = [=] {
    for (int r = 0; comm->rank == root && r < comm->world->size; ++r) give(comm, r, from, count * size_of(type));
  };
  return add(comm, stream, {give_all, [=] { return take(comm, root, to, count * size_of(type)); }});
}

ncclResult_t ncclSend(const void* from, std::size_t count, ncclDataType_t type, int to, ncclComm_t comm,
                      cudaStream_t stream) {
  return add(comm, stream, {[=] { give(comm, to, from, count * size_of(type)); }, {}});
}

ncclResult_t ncclRecv(void* to, std::size_t count, ncclDataType_t type, int from, ncclComm_t comm,
                      cudaStream_t stream) {
  return add(comm, stream, {[] {}, [=] { return take(comm, from, to, count * size_of(type)); }});
}
