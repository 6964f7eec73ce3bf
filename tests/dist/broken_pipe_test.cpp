// A write to a connection that is gone raises SIGPIPE, which would end a program that has never heard of it.

#include <stint/dist/gloo.h>
#include <stint/dist/tcp_store.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <set>
#include <thread>

#include "groups.h"

using namespace stint;
using namespace stint::test;

namespace {

/// Within its life SIGPIPE does what it does in a new program.
class DefaultSigpipe {
 public:
  DefaultSigpipe() : before_(std::signal(SIGPIPE, SIG_DFL)) {}
  ~DefaultSigpipe() { std::signal(SIGPIPE, before_); }

 private:
  void (*before_)(int);
};

std::set<int> sockets() {
  std::set<int> all;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    std::string target = std::filesystem::read_symlink(entry.path(), gone);
    if (target.starts_with("socket:")) all.insert(std::stoi(entry.path().filename()));
  }
  return all;
}

}  // namespace

TEST_CASE("a write to a rank whose connection is gone is an error, and never a signal that kills", "[dist]") {
  if (!dist::has_gloo()) return;
  DefaultSigpipe sigpipe;
  auto before = sockets();
  GroupKind gloo = group_kinds().at(1);
  REQUIRE(gloo.name == "gloo");
  constexpr int messages = 1000;  // far more than come through
  bool half_through = GENERATE(false, true);
  auto errors = errors_of(gloo, 2, 20, [&](dist::Communicator& group) {
    Tensor x({half_through ? 256 << 20 : 8 << 20}, DType::u8);
    x.zero();
    for (int i = 0; i < messages; ++i) {
      if (group.rank() == 1) {
        group.recv(x, 0, dist::Payload::state).wait();
        continue;
      }
      dist::Work work = group.send(x, 1, dist::Payload::state);
      if (half_through) std::this_thread::sleep_for(std::chrono::milliseconds(10));
      for (int socket : i == 3 ? sockets() : std::set<int>()) {
        if (!before.contains(socket)) shutdown(socket, SHUT_WR);  // what is written next finds nobody
      }
      work.wait();
    }
  });
  for (int rank : {0, 1}) {
    INFO("rank " << rank << ": " << errors[rank]);
    CHECK_THAT(errors[rank], Catch::Contains("is gone"));
  }
}

TEST_CASE("a word to a rank 0 that is gone is an error, and never a signal that kills", "[dist]") {
  DefaultSigpipe sigpipe;
  auto before = sockets();
  int port = dist::free_port();
  dist::TcpStore server("127.0.0.1", port, true, std::chrono::seconds(5));
  dist::TcpStore store("127.0.0.1", port, false, std::chrono::seconds(5));
  store.set("here", {1});
  CHECK(server.get("here") == dist::TcpStore::Bytes{1});  // all are connected
  for (int socket : sockets()) {
    if (!before.contains(socket)) shutdown(socket, SHUT_WR);
  }
  CHECK_THROWS_WITH(store.set("there", {2}), Catch::Contains("rank 0"));
}
