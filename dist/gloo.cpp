#include <gloo/rendezvous/context.h>
#include <gloo/transport/tcp/device.h>
#include <gloo/transport/unbound_buffer.h>
#include <stint/dist/connection_watch.h>
#include <stint/dist/gloo.h>
#include <stint/dist/peer_group.h>
#include <stint/dist/tcp_store.h>
#include <unistd.h>

#include <atomic>
#include <csignal>

namespace stint::dist {

namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr const char* rank_0_is_gone = "rank 0 is gone: its store does not answer";
constexpr Milliseconds hearing{500};    // of who else waits
constexpr Milliseconds patience{1000};  // with a rank that has closed its connections, and may be hearing others
constexpr int anybody = -1;
constexpr std::uint64_t slot_of_watch = 0xff;  // far from those of channels

/// Our store as Gloo wants it.
class GlooStore : public ::gloo::rendezvous::Store {
 public:
  explicit GlooStore(TcpStore& store) : store_(store) {}

  void set(const std::string& key, const std::vector<char>& value) override { store_.set(key, value); }
  std::vector<char> get(const std::string& key) override { return store_.get(key); }
  void wait(const std::vector<std::string>& keys) override {
    for (const std::string& key : keys) store_.get(key);
  }

 private:
  TcpStore& store_;
};

/// Messages of one rank. Gloo's own collectives are not used: ours have one order of adding, whatever carries them.
class Gloo : public PeerGroup {
 public:
  Gloo(int rank, int size, const std::string& host, int port, Milliseconds timeout, const std::string& interface_host)
      : PeerGroup(rank, size), timeout_(timeout), store_(host, port, rank == 0, timeout) {
    greet();
    connect(interface_host);
  }

  ~Gloo() override {
    finish();
    if (aborted_) store_.linger(std::chrono::seconds(1), one_hangs_ ? 1 : 0);  // for those who have yet to notice
  }

  /// Asked while all is well: a rank 0 that pauses is given the time that the group gives everybody. Who asks, waits.
  std::string fault() override {
    try {
      auto fault = store_.look("fault", timeout_);
      if (fault.empty() && !store_.look("who waits", timeout_).empty()) say_waiting(anybody);
      return {fault.begin(), fault.end()};
    } catch (const Error&) {
      return rank_0_is_gone;
    }
  }

  std::string late() override {
    int missing = who_hangs(anybody);
    return verdict(missing, late_text(missing));
  }

  /// Closed connections are how the others learn of it, so what they are to be told is in the store before.
  void abort(const Error& reason) override {
    if (aborted_.exchange(true)) return;
    first_fault(fault_text(rank(), reason));
    context_->closeConnections();
    watch_->lose_all();
  }

 private:
  /// Ranks that count differently would wait for each other.
  void greet() {
    std::string mine = std::to_string(size()), end = fmt::format("rank {} is gone: its connection was closed", rank());
    store_.leave_will("fault", {end.begin(), end.end()});
    store_.set(size_of(rank()), {mine.begin(), mine.end()});
    std::string expected = told(0);
    if (mine != expected) refuse(ErrorKind::usage, rank(), mine, expected);
    for (int r = 1; r < size(); ++r) {
      if (told(r) != expected) refuse(ErrorKind::peer_lost, r, told(r), expected);
    }
  }

  static std::string size_of(int rank) { return fmt::format("size/{}", rank); }

  std::string told(int rank) {
    auto size = store_.get(size_of(rank));
    return {size.begin(), size.end()};
  }

  [[noreturn]] void refuse(ErrorKind kind, int rank, const std::string& theirs, const std::string& expected) {
    store_.linger(patience);  // for those who have yet to read
    fail(kind, "gloo", "rank {} was told of {} ranks, rank 0 of {}", rank, theirs, expected);
  }

  void connect(const std::string& interface_host) {
    std::signal(SIGPIPE, SIG_IGN);  // a peer that is gone is a failed write, not our death
    ::gloo::transport::tcp::attr attributes;
    attributes.hostname = interface_host;
    auto device = ::gloo::transport::tcp::CreateDevice(attributes);
    auto context = std::make_shared<::gloo::rendezvous::Context>(rank(), size());
    context->setTimeout(timeout_);
    GlooStore store(store_);
    try {
      context->connectFullMesh(store, device);
    } catch (const ::gloo::Exception& error) {
      fail(ErrorKind::peer_lost, "gloo", "the {} ranks do not come together: {}", size(), error.what());
    }
    context_ = std::move(context);
    watch_ = std::make_unique<ConnectionWatch>(context_, slot_of_watch);
  }

  void exchange(const Messages& out, const Messages& in, Channel channel) override {
    auto slot = static_cast<std::uint64_t>(channel);  // messages between two ranks on one slot arrive in their order
    struct Pending {
      int peer;
      std::unique_ptr<::gloo::transport::UnboundBuffer> buffer;
    };
    std::vector<Pending> sends, receives;
    auto add = [&](std::vector<Pending>& list, const Message& message) -> ::gloo::transport::UnboundBuffer& {
      list.push_back({message.peer, context_->createUnboundBuffer(message.tensor.raw(), message.tensor.bytes())});
      return *list.back().buffer;
    };
    int peer = -1;  // whom we deal with when something fails
    try {
      for (const Message& message : in) {
        if (message.tensor.bytes() > 0) add(receives, message).recv(peer = message.peer, slot);
      }
      for (const Message& message : out) {
        if (message.tensor.bytes() > 0) add(sends, message).send(peer = message.peer, slot);
      }
      for (const Pending& receive : receives) wait(*receive.buffer, ConnectionWatch::Way::recv, peer = receive.peer);
      for (const Pending& send : sends) wait(*send.buffer, ConnectionWatch::Way::send, peer = send.peer);
    } catch (const Error&) {
      throw;
    } catch (const std::exception& error) {  // not gloo::Exception if we have closed the connection ourselves
      throw Error(ErrorKind::peer_lost, lost_text(peer, error.what()));
    }
  }

  void wait(::gloo::transport::UnboundBuffer& buffer, ConnectionWatch::Way way, int peer) {
    if (!watch_->wait(buffer, way, peer, timeout_)) throw Error(ErrorKind::peer_lost, lost_text(peer, "closed"));
  }

  /// A rank whose connections close may have died, and then its will is in the store; or have ended for another's sake,
  /// and says so there before long: Gloo closes them as soon as a rank gives up waiting.
  std::string lost_text(int peer, const std::string& what) {
    if (what.find("imed out") != std::string::npos) {
      peer = who_hangs(peer);
      return verdict(peer, late_text(peer));
    }
    hear("fault", std::chrono::steady_clock::now() + patience);
    return verdict(peer, fmt::format("rank {} is gone: its connection was closed", peer));
  }

  std::string late_text(int peer) const {
    if (peer == anybody) return "all ranks wait, perhaps in calls that differ";
    return fmt::format("rank {} did not come within {:.1f} s", peer, static_cast<double>(timeout_.count()) / 1000);
  }

  /// What this group's end is put down to, if this is what we have seen of `peer`.
  std::string verdict(int peer, const std::string& seen) {
    std::string fault = first_fault(seen);
    if (!fault.empty()) return fault;
    return peer == 0 ? seen : rank_0_is_gone;
  }

  /// A rank that does not come may itself be waiting: whoever says so in the store, before long, is not to blame. A
  /// rank that waits for `anybody` waits for all that do not; `anybody` is returned when there is none.
  int who_hangs(int peer) {
    auto deadline = std::chrono::steady_clock::now() + hearing;
    say_waiting(peer);
    for (int hops = 0; peer != anybody && hops < size(); ++hops) {
      std::string next = hear(waits(peer), deadline);
      if (next.empty()) break;
      peer = std::stoi(next);
    }
    for (int r = 0; peer == anybody && r < size(); ++r) {
      if (hear(waits(r), deadline).empty()) peer = r;
    }
    one_hangs_ = peer != anybody;
    return deaf_ ? 0 : peer;
  }

  static std::string waits(int rank) { return fmt::format("waits/{}", rank); }

  void say_waiting(int peer) {
    std::string text = std::to_string(peer);
    try {
      store_.set("who waits", {'?'});
      store_.set(waits(rank()), {text.begin(), text.end()});
    } catch (const Error&) {
      deaf_ = true;
    }
  }

  /// What is in the store under `key` by `deadline`; empty if nothing is, or if rank 0 does not answer.
  std::string hear(const std::string& key, std::chrono::steady_clock::time_point deadline) {
    if (deaf_) return "";
    try {
      for (;;) {
        auto value = store_.look(key);
        if (!value.empty() || std::chrono::steady_clock::now() > deadline) return {value.begin(), value.end()};
        std::this_thread::sleep_for(Milliseconds(10));
      }
    } catch (const Error&) {
      deaf_ = true;
      return "";
    }
  }

  /// What went wrong first in this group, as far as anybody has noticed: `seen`, if nobody had seen anything before.
  /// Empty if rank 0, which would know, does not answer.
  std::string first_fault(const std::string& seen) {
    if (deaf_) return "";
    try {
      auto fault = store_.claim("fault", {seen.begin(), seen.end()});
      return {fault.begin(), fault.end()};
    } catch (const Error&) {
      deaf_ = true;
      return "";
    }
  }

  Milliseconds timeout_;
  TcpStore store_;
  std::shared_ptr<::gloo::Context> context_;
  std::unique_ptr<ConnectionWatch> watch_;
  std::atomic<bool> aborted_ = false;
  std::atomic<bool> one_hangs_ = false;  // and will not notice anything
  std::atomic<bool> deaf_ = false;       // rank 0 is not worth asking any more
};

/// Where the others find this machine.
std::string own_address(const std::string& host) {
  if (host == "127.0.0.1" || host == "localhost") return "127.0.0.1";
  char name[256] = {};
  gethostname(name, sizeof(name) - 1);
  return name;
}

}  // namespace

bool has_gloo() {
  return true;
}

std::unique_ptr<Communicator> gloo(int rank, int size, const std::string& host, int port,
                                   std::chrono::duration<double> timeout, const std::string& interface_host) {
  auto milliseconds = std::chrono::duration_cast<Milliseconds>(timeout);
  return std::make_unique<Gloo>(rank, size, host, port, milliseconds,
                                interface_host.empty() ? own_address(host) : interface_host);
}

}  // namespace stint::dist
