#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace stint {

/// A batch before it is on a device: normalised images and labels.
struct HostBatch {
  std::vector<float> images;
  std::vector<std::int32_t> labels, other_labels;
  float weight = 1;
};

/// Makes things ahead of time on threads of its own and hands them out in order. What thing `ticket` is depends on the
/// ticket alone, not on the threads.
class Prefetcher {
 public:
  using Make = std::function<void(std::int64_t ticket, HostBatch& into)>;

  /// `make` is called from several threads at once.
  Prefetcher(int threads, Make make);
  ~Prefetcher();
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  /// The ticket that is made already or next.
  std::int64_t next() const { return base_; }

  /// Waits for a ticket and gives it to `use`. The one after the last asked for is there soonest; another makes it
  /// start again from there. Errors: what `make` threw.
  void take(std::int64_t ticket, const std::function<void(const HostBatch&)>& use);

 private:
  struct Slot {
    enum class State { free, filling, ready } state = State::free;
    HostBatch batch;
    std::exception_ptr error;
  };
  void work();
  Slot& slot_of(std::int64_t ticket) { return slots_[static_cast<std::size_t>(ticket) % slots_.size()]; }
  void restart(std::unique_lock<std::mutex>& lock, std::int64_t ticket);

  Make make_;
  std::vector<Slot> slots_;
  std::int64_t base_ = 0;     // the next to be taken
  std::int64_t to_make_ = 0;  // the next to be made, < base_ + slots
  bool stop_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::thread> threads_;
};

}  // namespace stint
