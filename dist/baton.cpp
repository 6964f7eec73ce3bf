#include <stint/dist/baton.h>

#include <utility>

namespace stint::dist {

namespace {
thread_local Baton* held = nullptr;
}

void Baton::take() {
  std::unique_lock lock(mutex_);
  freed_.wait(lock, [&] { return free_ > 0; });
  --free_;
}

void Baton::give() {
  {
    std::lock_guard lock(mutex_);
    ++free_;
  }
  freed_.notify_one();
}

Baton::Hold::Hold(Baton& baton) {
  baton.take();
  held = &baton;
}

Baton::Hold::~Hold() {
  std::exchange(held, nullptr)->give();
}

Baton::Pause::Pause() : baton_(std::exchange(held, nullptr)) {
  if (baton_) baton_->give();
}

Baton::Pause::~Pause() {
  if (!baton_) return;
  baton_->take();
  held = baton_;
}

}  // namespace stint::dist
