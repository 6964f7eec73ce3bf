#pragma once

#include <condition_variable>
#include <mutex>

namespace stint::dist {

/// What the workers of one process hand on to compute in turn, when there are fewer cores than workers. A worker that
/// waits for a collective has let go of it.
class Baton {
 public:
  explicit Baton(int copies = 1) : free_(copies) {}

  /// Holds the baton for a scope, on this thread.
  class Hold {
   public:
    explicit Hold(Baton& baton);
    ~Hold();
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
  };

  /// Lets go of what this thread holds, if it holds any, for a scope.
  class Pause {
   public:
    Pause();
    ~Pause();
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;

   private:
    Baton* baton_;
  };

 private:
  void take();
  void give();

  std::mutex mutex_;
  std::condition_variable freed_;
  int free_;
};

}  // namespace stint::dist
