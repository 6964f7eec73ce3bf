#include <arpa/inet.h>
#include <stint/dist/tcp_store.h>
#include <stint/runtime/error.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <functional>
#include <set>
#include <thread>

using namespace stint;
using namespace stint::dist;
using namespace std::chrono_literals;

namespace {

/// Somebody who speaks something else.
void knock(int port, const std::string& words) {
  int stranger = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  REQUIRE(connect(stranger, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  REQUIRE(send(stranger, words.data(), words.size(), 0) == static_cast<ssize_t>(words.size()));
  close(stranger);
}

/// A rank 0 that reads what one client says and answers, with an empty value, only when it is told to.
class SlowRank0 {
 public:
  explicit SlowRank0(int port) : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(listen(listener_, 1) == 0);
  }
  ~SlowRank0() { close(listener_); }

  void accept_one() { client_ = accept(listener_, nullptr, nullptr); }
  void answer() {
    std::uint32_t size = 0;
    CHECK(send(client_, &size, sizeof(size), MSG_NOSIGNAL) == sizeof(size));
  }
  void hang_up() { shutdown(client_, SHUT_RDWR); }
  void end() { close(client_); }

 private:
  int listener_, client_ = -1;
};

std::set<int> threads_of_this_process() {
  std::set<int> ids;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task"))
    ids.insert(std::stoi(entry.path().filename()));
  return ids;
}

/// Within its life SIGUSR1 interrupts system calls and does nothing else.
class Interruptions {
 public:
  Interruptions() {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    sigaction(SIGUSR1, &action, &before_);
  }
  ~Interruptions() { sigaction(SIGUSR1, &before_, nullptr); }

  static void interrupt(int thread) { syscall(SYS_tgkill, getpid(), thread, SIGUSR1); }

 private:
  struct sigaction before_ {};
};

}  // namespace

TEST_CASE("who has something to say to a rank 0 that pauses does not wait for who asks it", "[dist]") {
  int port = free_port();
  SlowRank0 slow(port);
  TcpStore store("127.0.0.1", port, false, 5s);
  slow.accept_one();
  std::thread asks([&] { CHECK_THROWS_WITH(store.look("fault", 6s), Catch::Contains("rank 0 is gone")); });
  std::this_thread::sleep_for(200ms);
  auto start = std::chrono::steady_clock::now();
  CHECK_THROWS_WITH(store.set("fault", {1}), Catch::Contains("rank 0 is gone"));
  CHECK(std::chrono::steady_clock::now() - start < 4s);
  slow.hang_up();
  asks.join();
  slow.end();
}

TEST_CASE("a rank 0 that does not even refuse a connection is given up in time", "[dist]") {
  int port = free_port();
  SlowRank0 full(port);
  for (int i = 0; i < 2; ++i) knock(port, "");  // nobody accepts them, and no more are taken
  auto start = std::chrono::steady_clock::now();
  CHECK_THROWS_WITH(TcpStore("127.0.0.1", port, false, 500ms), Catch::Contains("rank 0 does not answer"));
  CHECK(std::chrono::steady_clock::now() - start < 3s);
}

TEST_CASE("a signal to the thread of a store, or to one that waits for an answer, ends nothing", "[dist]") {
  Interruptions interruptions;
  int port = free_port();
  auto before = threads_of_this_process();
  TcpStore server("", port, true, 2000ms);
  for (int thread : threads_of_this_process()) {
    if (before.contains(thread)) continue;
    for (int i = 0; i < 5; ++i) {
      std::this_thread::sleep_for(10ms);
      Interruptions::interrupt(thread);
    }
  }
  server.set("key", {'a'});
  CHECK(server.look("key") == TcpStore::Bytes{'a'});

  int slow_port = free_port();
  SlowRank0 slow(slow_port);
  std::atomic<int> waiting = 0;
  std::atomic<bool> answered = false;
  std::thread client([&] {
    TcpStore store("127.0.0.1", slow_port, false, 2000ms);
    waiting = static_cast<int>(gettid());
    try {
      answered = store.look("key").empty();
    } catch (const Error&) {  // then it was not answered
    }
  });
  slow.accept_one();
  while (waiting == 0) std::this_thread::sleep_for(1ms);
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(20ms);
    Interruptions::interrupt(waiting);
  }
  slow.answer();
  client.join();
  slow.end();
  CHECK(answered);
}

TEST_CASE("rank 0 is gone at once when its connection ends, and when it is silent, after the patience", "[dist]") {
  int port = free_port();
  SlowRank0 slow(port);
  auto ask = [&](std::chrono::milliseconds patience, const std::function<void()>& meanwhile, double& seconds) {
    TcpStore store("127.0.0.1", port, false, 2000ms);
    slow.accept_one();
    std::thread other(meanwhile);
    auto start = std::chrono::steady_clock::now();
    std::string result = "an answer";
    try {
      store.look("fault", patience);
    } catch (const Error& error) {
      result = error.what();
    }
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    other.join();
    if (result != "an answer") CHECK_THROWS_AS(store.look("fault", patience), Error);  // a late answer is none
    slow.end();
    return result;
  };
  double seconds = 0;
  auto answer_late = [&] {
    std::this_thread::sleep_for(1800ms);
    slow.answer();
  };
  CHECK(ask(20000ms, answer_late, seconds) == "an answer");
  CHECK(ask(100ms, answer_late, seconds) == "store: rank 0 is gone");
  CHECK(seconds < 1.5);
  CHECK(ask(
            20000ms, [&] { slow.hang_up(); }, seconds) == "store: rank 0 is gone");
  CHECK(seconds < 10);
}

TEST_CASE("a store gives what another rank has set, also while strangers knock", "[dist]") {
  int port = free_port();
  TcpStore server("ignored", port, true, 2000ms);
  knock(port, "GET / HTTP/1.1\r\n\r\n");
  knock(port, std::string("s\xff\xff\xff\xff", 5));
  std::thread other([&] {
    TcpStore client("127.0.0.1", port, false, 2000ms);
    std::this_thread::sleep_for(50ms);
    client.set("key", {'a', '\0', 'b'});
  });
  CHECK(server.look("key").empty());
  CHECK(server.get("key") == TcpStore::Bytes{'a', '\0', 'b'});
  other.join();
}

TEST_CASE("of several who set a key the first one counts, and all learn it", "[dist]") {
  int port = free_port();
  TcpStore server("", port, true, 2000ms);
  std::vector<TcpStore::Bytes> seen(8);
  std::vector<std::thread> ranks;
  for (char r = 0; r < 8; ++r) {
    ranks.emplace_back([&seen, port, r] {
      TcpStore client("127.0.0.1", port, false, 2000ms);
      seen[r] = client.claim("fault", {static_cast<char>('a' + r)});
    });
  }
  for (std::thread& rank : ranks) rank.join();
  for (const auto& each : seen) CHECK(each == server.get("fault"));
  CHECK(server.claim("fault", {'z'}) != TcpStore::Bytes{'z'});
}

TEST_CASE("rank 0 serves on for those who have not yet asked, for a while", "[dist]") {
  int port = free_port();
  auto server = std::make_unique<TcpStore>("", port, true, 2000ms);
  server->set("fault", {'x'});
  TcpStore::Bytes seen;
  std::thread other([&] {
    TcpStore client("127.0.0.1", port, false, 2000ms);
    std::this_thread::sleep_for(200ms);
    seen = client.look("fault");
  });
  std::this_thread::sleep_for(50ms);
  auto start = std::chrono::steady_clock::now();
  server->linger(5000ms);
  CHECK(std::chrono::steady_clock::now() - start < 3000ms);
  server.reset();
  other.join();
  CHECK(seen == TcpStore::Bytes{'x'});
}

TEST_CASE("a store that nobody serves, or a key that nobody sets, is an error in time", "[dist]") {
  int port = free_port();
  CHECK_THROWS_WITH(TcpStore("127.0.0.1", port, false, 200ms), Catch::Contains("rank 0 does not answer"));
  TcpStore server("", port, true, 200ms);
  CHECK_THROWS_WITH(server.get("key"), Catch::Contains("nobody has set 'key'"));
  CHECK_THROWS_WITH(TcpStore("", port, true, 200ms), Catch::Contains("cannot listen on port"));
}
