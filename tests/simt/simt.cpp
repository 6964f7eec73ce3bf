#include "simt.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <sanitizer/asan_interface.h>
#include <stint/runtime/error.h>
#include <stint/runtime/philox.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "fiber.h"

namespace stint::cuda {
alignas(16) unsigned char stint_shared[simt::most_shared];  // what `extern __shared__` in cuda.cuh refers to
}  // namespace stint::cuda

namespace stint::simt {

namespace {

constexpr int warp_size = 32;
constexpr int most_alone = 1000;  ///< exchanges of warps that run while others rest

struct Thread {
  enum class State { ready, at_barrier, in_warp, ended };

  Dim3 index;
  int number = 0;
  State state = State::ready;
  Where where;  // of the barrier or exchange at which it waits
  int exchanges = 0;
  Fiber* fiber = nullptr;
};

/// What the lanes of a warp give each other, in two places that take turns: a lane that runs ahead fills the other.
struct Exchange {
  std::byte value[2][warp_size][16];
};

std::string text_of(const Where& where) {
  return fmt::format("{}:{}", where.file_name(), where.line());
}

/// One block at a time.
class Block {
 public:
  explicit Block(Dim3 size) : size_(size) {
    for (unsigned z = 0; z < size.z; ++z) {
      for (unsigned y = 0; y < size.y; ++y) {
        for (unsigned x = 0; x < size.x; ++x) threads_.push_back({.index = {x, y, z}, .number = int(threads_.size())});
      }
    }
    turns_.resize(threads_.size());
    std::iota(turns_.begin(), turns_.end(), 0);
    warps_.resize((threads_.size() + warp_size - 1) / warp_size);
    resting_.resize(warps_.size());
  }

  void run(const std::function<void()>& work, Order order, std::uint64_t seed);
  Thread& current() { return *current_; }
  void wait(Thread::State state, Where where);
  void exchange(const void* mine, void* theirs, std::size_t bytes, int source, Where where);

 private:
  void take_turns(const std::function<void()>& work);
  void rest_at_random(RandomSequence random);
  bool wake();
  bool release_warps();
  bool release_barrier();
  [[noreturn]] void explain() const;
  int lanes_of(std::size_t warp) const { return std::min<int>(warp_size, threads_.size() - warp * warp_size); }

  Dim3 size_;
  std::vector<Thread> threads_;
  std::vector<int> turns_;
  std::vector<Exchange> warps_;
  std::vector<bool> resting_;  // of each warp
  std::uint64_t drawn_ = 0;
  Thread* current_ = nullptr;
};

Order order = order_from_environment();
std::uint64_t blocks_run = 0;
Block* block = nullptr;
std::set<const void*>& kernels() {
  static std::set<const void*> all;
  return all;
}

/// Stacks, kept for all blocks to come.
std::vector<std::unique_ptr<Fiber>> free_fibers;

Fiber* take_fiber() {
  if (free_fibers.empty()) return new Fiber();
  Fiber* fiber = free_fibers.back().release();
  free_fibers.pop_back();
  return fiber;
}

void put_back(Fiber*& fiber) {
  free_fibers.emplace_back(fiber);
  fiber = nullptr;
}

void Block::run(const std::function<void()>& work, Order how, std::uint64_t seed) {
  RandomSequence random{seed, 0};
  if (how == Order::reverse) std::reverse(turns_.begin(), turns_.end());
  auto alive = [](const Thread& t) { return t.state != Thread::State::ended; };
  bool shuffled = how == Order::shuffled;
  int alone = 0;
  try {
    if (shuffled) rest_at_random(random);
    while (std::any_of(threads_.begin(), threads_.end(), alive)) {
      if (shuffled) {
        for (std::size_t i = turns_.size(); i > 1; --i) std::swap(turns_[i - 1], turns_[random.below(drawn_++, i)]);
      }
      take_turns(work);
      if (release_warps()) {
        if (++alone % most_alone == 0) wake();  // it may be waiting for what a resting warp has to tell
        continue;
      }
      if (release_barrier()) {
        if (shuffled) rest_at_random(random);
      } else if (!wake() && std::any_of(threads_.begin(), threads_.end(), alive)) {
        explain();
      }
    }
  } catch (...) {
    for (Thread& t : threads_) {
      if (!t.fiber) continue;
      t.fiber->abandon();
      put_back(t.fiber);
    }
    throw;
  }
}

void Block::take_turns(const std::function<void()>& work) {
  for (int number : turns_) {
    Thread& t = threads_[number];
    if (t.state != Thread::State::ready || resting_[number / warp_size]) continue;
    current_ = &t;
    threadIdx = t.index;
    bool fresh = !t.fiber;
    if (fresh) t.fiber = take_fiber();
    bool ended = fresh ? t.fiber->start(work) : t.fiber->resume();
    if (!ended) continue;
    t.state = Thread::State::ended;
    put_back(t.fiber);
  }
}

/// Behind a barrier, where all are ready, half of the warps stand still until the others cannot go on without them: so
/// some run as far ahead as the barriers let them.
void Block::rest_at_random(RandomSequence random) {
  for (std::size_t warp = 0; warp < warps_.size(); ++warp) resting_[warp] = random.below(drawn_++, 2) == 0;
}

/// False if nobody rested.
bool Block::wake() {
  bool any = std::find(resting_.begin(), resting_.end(), true) != resting_.end();
  resting_.assign(resting_.size(), false);
  return any;
}

bool Block::release_warps() {
  bool released = false;
  for (std::size_t warp = 0; warp < warps_.size(); ++warp) {
    auto first = threads_.begin() + static_cast<std::ptrdiff_t>(warp * warp_size), last = first + lanes_of(warp);
    bool together = std::all_of(first, last, [&](const Thread& t) {
      return t.state == Thread::State::in_warp && t.where.line() == first->where.line() &&
             t.exchanges == first->exchanges;
    });
    if (!together) continue;
    for (auto t = first; t != last; ++t) t->state = Thread::State::ready;
    released = true;
  }
  return released;
}

bool Block::release_barrier() {
  bool together = std::all_of(threads_.begin(), threads_.end(), [&](const Thread& t) {
    return t.state == Thread::State::at_barrier && t.where.line() == threads_[0].where.line() &&
           t.where.file_name() == threads_[0].where.file_name();
  });
  if (!together) return false;
  for (Thread& t : threads_) t.state = Thread::State::ready;
  return true;
}

/// Nobody can go on.
void Block::explain() const {
  std::string text;
  int listed = 0;
  for (std::size_t i = 0; i < threads_.size() && listed < 4; ++i) {
    const Thread& t = threads_[i];
    bool repeats = i > 0 && t.state == threads_[i - 1].state && t.where.line() == threads_[i - 1].where.line();
    if (repeats) continue;
    std::string_view what = t.state == Thread::State::ended        ? "has ended"
                            : t.state == Thread::State::at_barrier ? "waits at the barrier "
                                                                   : "waits in the warp exchange ";
    text += fmt::format("{}thread {} {}{}", listed++ ? "; " : "", t.number, what,
                        t.state == Thread::State::ended ? "" : text_of(t.where));
  }
  fail(ErrorKind::runtime, "kernel", "the threads of a block diverged: {}", text);
}

void Block::wait(Thread::State state, Where where) {
  current_->state = state;
  current_->where = where;
  current_->fiber->stop();
}

void Block::exchange(const void* mine, void* theirs, std::size_t bytes, int source, Where where) {
  Thread& t = *current_;
  std::size_t warp = t.number / warp_size;
  require(source >= 0 && source < lanes_of(warp), "kernel", "{} reads lane {} of a warp of {}", text_of(where), source,
          lanes_of(warp));
  auto& values = warps_[warp].value[t.exchanges++ % 2];
  std::memcpy(values[t.number % warp_size], mine, bytes);
  wait(Thread::State::in_warp, where);
  std::memcpy(theirs, values[source], bytes);
}

class SharedMemory {
 public:
  explicit SharedMemory(std::size_t bytes) {
    std::size_t most = std::max(shared_by_default, shared_on_demand);
    require(bytes <= most, "kernel", "{} bytes of shared memory are more than the {} there are", bytes, most);
    std::memset(cuda::stint_shared, 0xff, bytes);  // a NaN in every float format
    ASAN_POISON_MEMORY_REGION(cuda::stint_shared + bytes, most_shared - bytes);
  }
  ~SharedMemory() { ASAN_UNPOISON_MEMORY_REGION(cuda::stint_shared, most_shared); }
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
};

/// Blocks have no order among themselves either.
std::vector<std::uint64_t> block_order(std::uint64_t count) {
  std::vector<std::uint64_t> turns(count);
  std::iota(turns.begin(), turns.end(), 0);
  if (order == Order::reverse) std::reverse(turns.begin(), turns.end());
  if (order != Order::shuffled) return turns;
  RandomSequence random{blocks_run, 1};
  for (std::uint64_t i = count; i > 1; --i) std::swap(turns[i - 1], turns[random.below(count - i, i)]);
  return turns;
}

}  // namespace

Order order_from_environment() {
  const char* text = std::getenv("STINT_SIMT_ORDER");
  std::string_view name = text ? text : "forward";
  if (name == "reverse") return Order::reverse;
  if (name == "shuffled") return Order::shuffled;
  require(name == "forward", "STINT_SIMT_ORDER", "expected forward, reverse or shuffled, got '{}'", name);
  return Order::forward;
}

void set_order(Order wanted) {
  order = wanted;
}

void run(const void* kernel, Dim3 grid, Dim3 size, std::size_t shared, const std::function<void()>& thread) {
  std::size_t threads = std::size_t{size.x} * size.y * size.z;
  require(threads >= 1 && threads <= 1024, "kernel", "expected 1 to 1024 threads a block, got {}", threads);
  require(grid.y <= 65535 && grid.z <= 65535, "kernel", "a grid of {}x{}x{} is too large", grid.x, grid.y, grid.z);
  kernels().insert(kernel);
  DeviceAccess access;
  gridDim = grid;
  blockDim = size;
  for (std::uint64_t number : block_order(std::uint64_t{grid.x} * grid.y * grid.z)) {
    blockIdx = {static_cast<unsigned>(number % grid.x), static_cast<unsigned>(number / grid.x % grid.y),
                static_cast<unsigned>(number / grid.x / grid.y)};
    SharedMemory memory(shared);
    Block running(size);
    block = &running;
    running.run(thread, order, blocks_run++);
  }
}

std::set<std::string> launched() {
  std::set<std::string> names;
  for (const void* kernel : kernels()) {
    Dl_info info{};
    require(dladdr(kernel, &info) != 0 && info.dli_sname, "kernel",
            "a launched kernel has no name: is it in an anonymous namespace?");
    int status = 0;
    std::unique_ptr<char, decltype(&std::free)> name(abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, &status),
                                                     &std::free);
    names.insert(name ? name.get() : info.dli_sname);
  }
  return names;
}

void barrier(Where where) {
  block->wait(Thread::State::at_barrier, where);
}

int lane() {
  return block->current().number % warp_size;
}

void exchange_bytes(unsigned mask, const void* mine, void* theirs, std::size_t bytes, int source, Where where) {
  require(mask == 0xffffffffu, "kernel", "{}: only exchanges of whole warps are supported", text_of(where));
  require(bytes <= 16, "kernel", "{}: exchanges {} bytes", text_of(where), bytes);
  block->exchange(mine, theirs, bytes, source, where);
}

}  // namespace stint::simt
