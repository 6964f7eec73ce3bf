#include <gloo/rendezvous/context.h>
#include <gloo/transport/tcp/device.h>
#include <gloo/transport/unbound_buffer.h>
#include <stint/dist/gloo.h>
#include <stint/dist/peer_group.h>
#include <stint/dist/tcp_store.h>
#include <unistd.h>

#include <csignal>

namespace stint::dist {

namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr std::uint64_t slot = 0;  // messages between two ranks arrive in their order

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

  ~Gloo() override { finish(); }

  /// Closed connections are how the others learn of it; the reason stays in the store for those who look.
  void abort(const std::string& reason) override {
    if (aborted_.exchange(true)) return;
    try {
      store_.set(fmt::format("abort/{}", rank()), {reason.begin(), reason.end()});
    } catch (const Error&) {  // the store has gone with rank 0
    }
    context_->closeConnections();
  }

 private:
  /// Ranks that count differently would wait for each other.
  void greet() {
    std::string mine = std::to_string(size());
    store_.set(fmt::format("size/{}", rank()), {mine.begin(), mine.end()});
    auto first = store_.get("size/0");
    std::string expected(first.begin(), first.end());
    if (mine != expected) {
      fail(ErrorKind::usage, "gloo", "rank {} was told of {} ranks, rank 0 of {}", rank(), mine, expected);
    }
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
  }

  void exchange(const Messages& out, const Messages& in) override {
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
      for (const Pending& receive : receives) {
        peer = receive.peer;
        receive.buffer->waitRecv(timeout_);
      }
      for (const Pending& send : sends) {
        peer = send.peer;
        send.buffer->waitSend(timeout_);
      }
    } catch (const ::gloo::Exception& error) {
      throw Error(ErrorKind::peer_lost, lost_text(peer, error.what()));
    }
  }

  std::string lost_text(int peer, const std::string& what) {
    if (what.find("imed out") != std::string::npos) {
      return fmt::format("rank {} did not come within {:.1f} s", peer, static_cast<double>(timeout_.count()) / 1000);
    }
    std::string reason = last_words(peer);
    if (!reason.empty()) return fmt::format("rank {} has ended: {}", peer, reason);
    return fmt::format("rank {} is gone: its connection was closed", peer);
  }

  /// Why a rank has closed its connections, if it had the time to say so.
  std::string last_words(int peer) {
    try {
      auto reason = store_.look(fmt::format("abort/{}", peer));
      return {reason.begin(), reason.end()};
    } catch (const Error&) {
      return "";
    }
  }

  Milliseconds timeout_;
  TcpStore store_;
  std::shared_ptr<::gloo::Context> context_;
  std::atomic<bool> aborted_ = false;
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
