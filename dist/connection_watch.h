#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

namespace gloo {
class Context;
namespace transport {
class UnboundBuffer;
}
}  // namespace gloo

namespace stint::dist {

/// Waits for messages, but no longer than their connection lasts. When one ends, Gloo tells those who wait for a
/// message that has not begun, and lets whoever is in the middle of one wait until the timeout. So a thread of its own
/// waits for a byte from every rank that nobody sends, and wakes the others.
class ConnectionWatch {
 public:
  using Buffer = ::gloo::transport::UnboundBuffer;
  using Milliseconds = std::chrono::milliseconds;
  enum class Way { send, recv };

  /// `slot`: one that nothing else uses.
  ConnectionWatch(std::shared_ptr<::gloo::Context> context, std::uint64_t slot);
  ~ConnectionWatch();

  /// Waits until the message in `buffer` has gone to, or has come from, `peer`; false if the connection has ended
  /// before. Errors (gloo::Exception): as Gloo; not in time.
  bool wait(Buffer& buffer, Way way, int peer, Milliseconds timeout);

  /// When we have closed all connections ourselves, of which Gloo tells nobody.
  void lose_all();

 private:
  struct Waiting {
    Buffer& buffer;
    Way way;
    int peer;

    bool wait(Milliseconds timeout);
    void wake();
  };

  void serve();
  bool renew_sentinel();
  bool is_lost(int peer);
  void lose(int peer);

  std::shared_ptr<::gloo::Context> context_;
  std::uint64_t slot_;
  std::mutex mutex_;
  std::list<Waiting> waiting_;
  std::set<int> lost_;
  char never_ = 0;
  std::unique_ptr<Buffer> sentinel_;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace stint::dist
