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
/// process and reached over TCP. A value never changes: of several who set a key the first one counts. Rank 0 is taken
/// for gone (ErrorKind::peer_lost) when its connection ends, or it does not answer in time.
class TcpStore {
 public:
  using Bytes = std::vector<char>;
  static constexpr std::chrono::milliseconds usual_patience{1500};

  /// Rank 0 (`serve`) listens on `port` of every interface; the others connect to `host`, trying until `timeout`.
  /// Errors (ErrorKind::peer_lost): nobody listens in time; (ErrorKind::usage): the port is taken.
  TcpStore(const std::string& host, int port, bool serve, std::chrono::milliseconds timeout);
  ~TcpStore();
  TcpStore(const TcpStore&) = delete;
  TcpStore& operator=(const TcpStore&) = delete;

  /// Errors (ErrorKind::peer_lost): rank 0 is gone.
  void set(const std::string& key, const Bytes& value);
  /// What is there now; empty if nobody has set it. `patience`: for an answer. Errors as `set`.
  Bytes look(const std::string& key, std::chrono::milliseconds patience = usual_patience);
  /// Set for us when our connection ends, whatever the reason.
  void leave_will(const std::string& key, const Bytes& value);
  /// What is there after `set`: this value, or another's who was faster.
  Bytes claim(const std::string& key, const Bytes& value);
  /// On rank 0: serves on until all others but `without` have gone, at most so long.
  void linger(std::chrono::milliseconds longest, int without = 0) const;
  /// Waits until somebody has set it. Errors (ErrorKind::peer_lost): not in time.
  Bytes get(const std::string& key);

 private:
  class Server;

  void tell(char kind, const std::string& key, const Bytes& value);
  std::unique_lock<std::timed_mutex> lock(std::chrono::milliseconds patience);

  std::unique_ptr<Server> server_;  // on rank 0
  std::timed_mutex mutex_;          // who waits for an answer has it
  int socket_ = -1;
  bool silent_ = false;  // an answer that comes late would be taken for the next one's
  std::chrono::milliseconds timeout_;
};

/// A TCP port of this machine that nobody uses at the moment.
int free_port();

}  // namespace stint::dist
