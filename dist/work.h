#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>

namespace stint::dist {

/// A collective under way. Its tensors must not be touched before `wait` returns. A default-constructed one is done.
class Work {
 public:
  Work() = default;

  /// Returns when the collective is done; may be called again. Errors: what went wrong in it. Lets go of the thread's
  /// baton while it waits.
  void wait() const;
  bool done() const;
  /// The same work; `after` is called at the end of every `wait` that does not throw. Not of one that is default-
  /// constructed.
  Work then(std::function<void()> after) const;
  /// Seconds that this thread has spent in `wait` since it started: the exposed part of communication.
  static double waited_seconds();
  /// The same until it had its baton back: what of its time it has not computed.
  static double away_seconds();

  /// The side of whoever does the work.
  class Promise {
   public:
    void finish(std::exception_ptr error = nullptr);

   private:
    friend class Work;
    std::mutex mutex_;
    std::condition_variable finished_;
    bool done_ = false;
    std::exception_ptr error_;
  };
  explicit Work(std::shared_ptr<Promise> promise) : promise_(std::move(promise)) {}

 private:
  std::shared_ptr<Promise> promise_;
  std::function<void()> after_;
};

}  // namespace stint::dist
