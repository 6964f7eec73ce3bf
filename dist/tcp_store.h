#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace stint::dist {

/// Where the ranks of a group leave their addresses for each other: keys and values, kept by a thread of rank 0's
/// process and reached over TCP. A value is set once and never changes.
class TcpStore {
 public:
  using Bytes = std::vector<char>;

  /// Rank 0 (`serve`) listens on `port` of every interface; the others connect to `host`, trying until `timeout`.
  /// Errors (ErrorKind::peer_lost): nobody listens in time; (ErrorKind::usage): the port is taken.
  TcpStore(const std::string& host, int port, bool serve, std::chrono::milliseconds timeout);
  ~TcpStore();
  TcpStore(const TcpStore&) = delete;
  TcpStore& operator=(const TcpStore&) = delete;

  void set(const std::string& key, const Bytes& value);
  /// What is there now; empty if nobody has set it. Errors as `set`.
  Bytes look(const std::string& key);
  /// Waits until somebody has set it. Errors (ErrorKind::peer_lost): not in time.
  Bytes get(const std::string& key);

 private:
  class Server;

  std::unique_ptr<Server> server_;  // on rank 0
  std::mutex mutex_;
  int socket_ = -1;
  std::chrono::milliseconds timeout_;
};

/// A TCP port of this machine that nobody uses at the moment.
int free_port();

}  // namespace stint::dist
