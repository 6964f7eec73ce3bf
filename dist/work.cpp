#include <stint/dist/baton.h>
#include <stint/dist/work.h>

#include <chrono>

namespace stint::dist {

namespace {

thread_local double waited = 0, away = 0;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

void Work::Promise::finish(std::exception_ptr error) {
  {
    std::lock_guard lock(mutex_);
    done_ = true;
    error_ = std::move(error);
  }
  finished_.notify_all();
}

bool Work::done() const {
  if (!promise_) return true;
  std::lock_guard lock(promise_->mutex_);
  return promise_->done_;
}

void Work::wait() const {
  if (!promise_) return;
  if (!done()) {
    auto start = std::chrono::steady_clock::now();
    {
      Baton::Pause pause;
      std::unique_lock lock(promise_->mutex_);
      promise_->finished_.wait(lock, [&] { return promise_->done_; });
      waited += seconds_since(start);
    }
    away += seconds_since(start);
  }
  if (promise_->error_) std::rethrow_exception(promise_->error_);
  if (after_) after_();
}

Work Work::then(std::function<void()> after) const {
  Work work = *this;
  work.after_ = std::move(after);
  return work;
}

double Work::waited_seconds() {
  return waited;
}

double Work::away_seconds() {
  return away;
}

}  // namespace stint::dist
