#include <gloo/common/error.h>
#include <gloo/context.h>
#include <gloo/transport/unbound_buffer.h>
#include <stint/dist/connection_watch.h>

namespace stint::dist {

namespace {

constexpr std::chrono::hours forever(24 * 365 * 10);

}  // namespace

bool ConnectionWatch::Waiting::wait(Milliseconds timeout) {
  return way == Way::send ? buffer.waitSend(timeout) : buffer.waitRecv(timeout);
}

void ConnectionWatch::Waiting::wake() {
  way == Way::send ? buffer.abortWaitSend() : buffer.abortWaitRecv();
}

ConnectionWatch::ConnectionWatch(std::shared_ptr<::gloo::Context> context, std::uint64_t slot)
    : context_(std::move(context)), slot_(slot), thread_([this] { serve(); }) {}

ConnectionWatch::~ConnectionWatch() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
    if (sentinel_) sentinel_->abortWaitRecv();
  }
  thread_.join();
}

bool ConnectionWatch::wait(Buffer& buffer, Way way, int peer, Milliseconds timeout) {
  std::unique_lock lock(mutex_);
  auto waiting = waiting_.insert(waiting_.end(), {buffer, way, peer});
  if (lost_.contains(peer)) waiting->wake();
  lock.unlock();
  struct Forget {
    ~Forget() {
      std::lock_guard lock(watch.mutex_);
      watch.waiting_.erase(waiting);
    }
    ConnectionWatch& watch;
    std::list<Waiting>::iterator waiting;
  } forget{*this, waiting};
  if (waiting->wait(timeout)) return true;
  try {
    return waiting->wait(Milliseconds(0));  // what was through when its connection ended
  } catch (const ::gloo::Exception&) {
    return false;
  }
}

void ConnectionWatch::lose_all() {
  for (int peer = 0; peer < context_->size; ++peer) lose(peer);
}

void ConnectionWatch::serve() {
  while (renew_sentinel()) {
    try {
      if (!sentinel_->waitRecv(forever)) return;
    } catch (const std::exception&) {
      // One has ended; which, the next sentinel finds out.
    }
  }
}

/// An exception stays in a buffer, so each sentinel serves once. False: we are closing.
bool ConnectionWatch::renew_sentinel() {
  auto sentinel = context_->createUnboundBuffer(&never_, 1);
  for (int peer = 0; peer < context_->size; ++peer) {
    if (peer == context_->rank || is_lost(peer)) continue;
    try {
      sentinel->recv(peer, slot_);
    } catch (const std::exception&) {  // not gloo::Exception if we have closed it ourselves
      lose(peer);
    }
  }
  std::lock_guard lock(mutex_);
  sentinel_ = std::move(sentinel);
  return !closing_;
}

bool ConnectionWatch::is_lost(int peer) {
  std::lock_guard lock(mutex_);
  return lost_.contains(peer);
}

void ConnectionWatch::lose(int peer) {
  std::lock_guard lock(mutex_);
  if (!lost_.insert(peer).second) return;
  for (Waiting& waiting : waiting_) {
    if (waiting.peer == peer) waiting.wake();
  }
}

}  // namespace stint::dist
