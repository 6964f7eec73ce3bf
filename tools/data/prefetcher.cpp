#include <stint/tools/data/prefetcher.h>

#include <algorithm>

namespace stint {

Prefetcher::Prefetcher(int threads, Make make) : make_(std::move(make)), slots_(threads + 1) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

Prefetcher::~Prefetcher() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Prefetcher::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    auto can_make = [&] {
      return to_make_ < base_ + static_cast<std::int64_t>(slots_.size()) &&
             slot_of(to_make_).state == Slot::State::free;
    };
    changed_.wait(lock, [&] { return stop_ || can_make(); });
    if (stop_) return;
    std::int64_t ticket = to_make_++;
    Slot& slot = slot_of(ticket);
    slot.state = Slot::State::filling;
    slot.error = nullptr;
    lock.unlock();
    try {
      make_(ticket, slot.batch);
    } catch (...) {
      slot.error = std::current_exception();
    }
    lock.lock();
    slot.state = Slot::State::ready;
    changed_.notify_all();
  }
}

void Prefetcher::restart(std::unique_lock<std::mutex>& lock, std::int64_t ticket) {
  to_make_ = base_ + static_cast<std::int64_t>(slots_.size());  // nobody begins anything new
  changed_.wait(lock, [&] {
    return std::none_of(slots_.begin(), slots_.end(), [](const Slot& s) { return s.state == Slot::State::filling; });
  });
  for (Slot& slot : slots_) slot.state = Slot::State::free;
  base_ = to_make_ = ticket;
  changed_.notify_all();
}

void Prefetcher::take(std::int64_t ticket, const std::function<void(const HostBatch&)>& use) {
  std::unique_lock lock(mutex_);
  if (ticket != base_) restart(lock, ticket);
  Slot& slot = slot_of(ticket);
  changed_.wait(lock, [&] { return slot.state == Slot::State::ready; });
  std::exception_ptr error = slot.error;
  lock.unlock();
  if (!error) use(slot.batch);  // nobody else touches a slot that is ready
  lock.lock();
  slot.state = Slot::State::free;
  ++base_;
  changed_.notify_all();
  if (error) std::rethrow_exception(error);
}

}  // namespace stint
