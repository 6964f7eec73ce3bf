#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stint/dist/tcp_store.h>
#include <stint/runtime/error.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>

namespace stint::dist {

namespace {

using Clock = std::chrono::steady_clock;
using Bytes = TcpStore::Bytes;

constexpr std::uint32_t longest = 1 << 20;  // of a key or value: a stray connection does not make us allocate more

constexpr std::chrono::milliseconds server_patience{1000};  // for the rest of a request that has begun

/// As poll; a signal, or having been stopped and continued, is no news.
int poll_through(pollfd* sockets, std::size_t count, Clock::time_point deadline) {
  for (;;) {
    auto left = std::clamp<Clock::duration>(deadline - Clock::now(), Clock::duration::zero(), std::chrono::hours(1));
    int found = poll(sockets, count, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count()));
    bool interrupted = found < 0 && errno == EINTR, early = found == 0 && Clock::now() < deadline;
    if (!interrupted && !early) return found;
  }
}

bool send_all(int socket, const void* data, std::size_t bytes) {
  const char* at = static_cast<const char*>(data);
  while (bytes > 0) {
    ssize_t sent = send(socket, at, bytes, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    at += sent;
    bytes -= static_cast<std::size_t>(sent);
  }
  return true;
}

bool receive_all(int socket, void* data, std::size_t bytes, Clock::time_point deadline) {
  char* at = static_cast<char*>(data);
  while (bytes > 0) {
    pollfd here{socket, POLLIN, 0};
    if (poll_through(&here, 1, deadline) <= 0) return false;
    ssize_t got = recv(socket, at, bytes, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    bytes -= static_cast<std::size_t>(got);
  }
  return true;
}

/// Its length and itself. What is sent together stands in one buffer: small pieces would wait for each other's
/// acknowledgement.
void append_text(Bytes& message, std::string_view text) {
  auto size = static_cast<std::uint32_t>(text.size());
  auto* bytes = reinterpret_cast<const char*>(&size);
  message.insert(message.end(), bytes, bytes + sizeof(size));
  message.insert(message.end(), text.begin(), text.end());
}

bool send_message(int socket, const Bytes& message) {
  return send_all(socket, message.data(), message.size());
}

std::string_view view(const Bytes& text) {
  return {text.data(), text.size()};
}

bool receive_text(int socket, Bytes& text, Clock::time_point deadline) {
  std::uint32_t size = 0;
  if (!receive_all(socket, &size, sizeof(size), deadline) || size > longest) return false;
  text.resize(size);
  return receive_all(socket, text.data(), size, deadline);
}

void send_at_once(int socket) {
  int yes = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
}

int listen_on(int port) {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int yes = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 && listen(listener, 64) == 0) {
    return listener;
  }
  std::string reason = std::strerror(errno);
  close(listener);
  fail(ErrorKind::usage, "store", "cannot listen on port {}: {}", port, reason);
}

/// A host that does not answer is given up at the deadline, long before the system would.
bool connect_by(int socket, const addrinfo& address, Clock::time_point deadline) {
  int flags = fcntl(socket, F_GETFL), error = 0;
  socklen_t size = sizeof(error);
  fcntl(socket, F_SETFL, flags | O_NONBLOCK);
  if (connect(socket, address.ai_addr, address.ai_addrlen) != 0) {
    pollfd here{socket, POLLOUT, 0};
    if (errno != EINPROGRESS || poll_through(&here, 1, deadline) <= 0) return false;
    if (getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) return false;
  }
  fcntl(socket, F_SETFL, flags);
  return true;
}

int connect_once(const std::string& host, int port, Clock::time_point deadline) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return -1;
  int result = -1;
  for (addrinfo* a = found; a && result < 0; a = a->ai_next) {
    int candidate = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
    if (candidate < 0) continue;
    if (connect_by(candidate, *a, deadline)) {
      result = candidate;
    } else {
      close(candidate);
    }
  }
  freeaddrinfo(found);
  return result;
}

/// The others may start later than we do.
int connect_in_time(const std::string& host, int port, std::chrono::milliseconds timeout) {
  auto deadline = Clock::now() + timeout;
  do {
    int socket = connect_once(host, port, deadline);
    if (socket >= 0) {
      send_at_once(socket);
      return socket;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  } while (Clock::now() < deadline);
  fail(ErrorKind::peer_lost, "store", "rank 0 does not answer at {}:{} within {:.1f} s", host, port,
       static_cast<double>(timeout.count()) / 1000);
}

}  // namespace

/// One thread serves all connections; a stray one that speaks otherwise is closed.
class TcpStore::Server {
 public:
  explicit Server(int port) : listener_(listen_on(port)) {
    if (pipe(wake_) != 0) fail(ErrorKind::runtime, "store", "no pipe: {}", std::strerror(errno));
    thread_ = std::thread([this] { serve(); });
  }

  ~Server() {
    char stop = 0;
    (void)!write(wake_[1], &stop, 1);
    thread_.join();
    for (int each : {listener_, wake_[0], wake_[1]}) close(each);
  }

  int connections() const { return connections_; }

 private:
  void serve() {
    std::vector<pollfd> sockets = {{wake_[0], POLLIN, 0}, {listener_, POLLIN, 0}};
    while (poll_through(sockets.data(), sockets.size(), Clock::time_point::max()) >= 0 && sockets[0].revents == 0) {
      for (std::size_t i = sockets.size(); i-- > 2;) {
        if (sockets[i].revents == 0 || answer(sockets[i].fd)) continue;
        read_will(sockets[i].fd);
        close(sockets[i].fd);
        sockets.erase(sockets.begin() + static_cast<std::ptrdiff_t>(i));
      }
      connections_ = static_cast<int>(sockets.size()) - 2;
      if (sockets[1].revents == 0) continue;
      int fresh = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fresh >= 0) {
        send_at_once(fresh);
        sockets.push_back({fresh, POLLIN, 0});
      }
      connections_ = static_cast<int>(sockets.size()) - 2;
    }
    for (std::size_t i = 2; i < sockets.size(); ++i) close(sockets[i].fd);
  }

  /// A request is 's' (set), 'w' (will) or 'g' (get), the key, and for the first two the value; the answer to 'g' is
  /// the value, empty while there is none.
  bool answer(int socket) {
    char kind = 0;
    Bytes key, value;
    auto deadline = Clock::now() + server_patience;
    if (!receive_all(socket, &kind, 1, deadline) || !receive_text(socket, key, deadline)) return false;
    std::string name(key.begin(), key.end());
    if (kind == 's' || kind == 'w') {
      if (!receive_text(socket, value, deadline)) return false;
      if (kind == 's') values_.emplace(name, value);
      if (kind == 'w') wills_[socket] = {name, value};
      return true;
    }
    if (kind != 'g') return false;
    Bytes message;
    append_text(message, values_.contains(name) ? view(values_[name]) : "");
    return send_message(socket, message);
  }

  void read_will(int socket) {
    auto will = wills_.extract(socket);
    if (will) values_.insert(will.mapped());
  }

  int listener_;
  int wake_[2];
  std::atomic<int> connections_ = 0;
  std::map<std::string, Bytes> values_;
  std::map<int, std::pair<std::string, Bytes>> wills_;  // by socket
  std::thread thread_;
};

TcpStore::TcpStore(const std::string& host, int port, bool serve, std::chrono::milliseconds timeout)
    : server_(serve ? std::make_unique<Server>(port) : nullptr),
      socket_(connect_in_time(serve ? "127.0.0.1" : host, port, timeout)),
      timeout_(timeout) {}

TcpStore::~TcpStore() {
  close(socket_);
}

void TcpStore::set(const std::string& key, const Bytes& value) {
  tell('s', key, value);
}

void TcpStore::leave_will(const std::string& key, const Bytes& value) {
  tell('w', key, value);
}

/// One thread may wait long for a rank 0 that pauses; another that tells of an end does not wait with it.
std::unique_lock<std::timed_mutex> TcpStore::lock(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_, patience);
  if (!lock) fail(ErrorKind::peer_lost, "store", "rank 0 is gone");
  return lock;
}

void TcpStore::tell(char kind, const std::string& key, const Bytes& value) {
  auto held = lock(usual_patience);
  Bytes message{kind};
  append_text(message, key);
  append_text(message, view(value));
  if (!send_message(socket_, message)) fail(ErrorKind::peer_lost, "store", "rank 0 is gone");
}

TcpStore::Bytes TcpStore::look(const std::string& key, std::chrono::milliseconds patience) {
  auto held = lock(patience);
  Bytes message{'g'}, value;
  append_text(message, key);
  auto deadline = Clock::now() + patience;
  bool good = !silent_ && send_message(socket_, message) && receive_text(socket_, value, deadline);
  silent_ = !good;
  if (!good) fail(ErrorKind::peer_lost, "store", "rank 0 is gone");
  return value;
}

TcpStore::Bytes TcpStore::claim(const std::string& key, const Bytes& value) {
  set(key, value);
  return look(key);
}

void TcpStore::linger(std::chrono::milliseconds longest, int without) const {
  auto deadline = Clock::now() + longest;
  while (server_ && server_->connections() > 1 + without && Clock::now() < deadline) {  // one is our own
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

TcpStore::Bytes TcpStore::get(const std::string& key) {
  auto deadline = Clock::now() + timeout_;
  do {
    Bytes value = look(key);
    if (!value.empty()) return value;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  } while (Clock::now() < deadline);
  fail(ErrorKind::peer_lost, "store", "nobody has set '{}' within {:.1f} s: has every rank started?", key,
       static_cast<double>(timeout_.count()) / 1000);
}

int free_port() {
  int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  bool good = bind(probe, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
              getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  close(probe);
  require(good, "store", "this machine has no free port: {}", std::strerror(errno));
  return ntohs(address.sin_port);
}

}  // namespace stint::dist
