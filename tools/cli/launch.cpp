#include <fcntl.h>
#include <fmt/format.h>
#include <stint/dist/tcp_store.h>
#include <stint/runtime/error.h>
#include <stint/tools/cli/commands.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>
#include <utility>

namespace stint {

namespace {

constexpr const char* usage =
    "stint launch -n N -- COMMAND ...\n\nStarts N processes of one command, as ranks that train together: "
    "stint launch -n 4 -- train --sync liec:period=32\n\n"
    "Cores are shared out between them (OMP_NUM_THREADS); rank 0 speaks. When one rank fails, the others are ended.\n";

/// After one rank has failed the others notice at once; who does not is ended.
constexpr auto grace = std::chrono::seconds(2);

volatile std::sig_atomic_t caught = 0;

struct Request {
  int count = 0;
  std::vector<std::string> command;
};

Request read_request(const std::vector<std::string>& words) {
  Request request;
  std::size_t i = 0;
  for (; i < words.size() && words[i] != "--"; ++i) {
    if (words[i] != "-n" || i + 1 == words.size()) {
      fail(ErrorKind::usage, "launch", "did not expect '{}': stint launch -n N -- COMMAND ...", words[i]);
    }
    const std::string& text = words[++i];
    auto [after, error] = std::from_chars(text.data(), text.data() + text.size(), request.count);
    if (error != std::errc{} || after != text.data() + text.size() || request.count < 1 || request.count > 1024) {
      fail(ErrorKind::usage, "launch", "-n is '{}', expected a number of processes from 1 to 1024", text);
    }
  }
  if (request.count == 0) fail(ErrorKind::usage, "launch", "expected -n N, the number of processes");
  if (i + 1 >= words.size()) fail(ErrorKind::usage, "launch", "expected -- and a command: -- train ...");
  request.command.assign(words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end());
  return request;
}

class Ranks {
 public:
  explicit Ranks(const Request& request) : codes_(request.count, -1) {
    int port = dist::free_port();
    for (int rank = 0; rank < request.count; ++rank) pids_.push_back(start(request, rank, port));
  }

  /// Waits for all; the code of the run.
  int wait() {
    auto ended = std::chrono::steady_clock::time_point::max();  // when the first one failed
    while (std::count(codes_.begin(), codes_.end(), -1) > 0) {
      if (caught) signal_all(std::exchange(caught, 0));
      int status = 0;
      pid_t pid = waitpid(-1, &status, WNOHANG);
      if (pid > 0) {
        note(pid, status);
        if (code_ != 0) ended = std::min(ended, std::chrono::steady_clock::now());
        continue;
      }
      if (code_ != 0 && std::chrono::steady_clock::now() - ended > grace) signal_all(SIGKILL);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return code_;
  }

 private:
  static pid_t start(const Request& request, int rank, int port) {
    pid_t parent = getpid();
    std::fflush(nullptr);
    pid_t pid = fork();
    if (pid < 0) fail(ErrorKind::runtime, "launch", "cannot start rank {}: {}", rank, std::strerror(errno));
    if (pid > 0) return pid;
    prctl(PR_SET_PDEATHSIG, SIGTERM);  // no orphans
    if (getppid() != parent) _exit(1);
    setpgid(0, 0);  // Ctrl-C reaches the launcher alone, which passes it on: twice would end a rank at once
    run_rank(request, rank, port);
  }

  [[noreturn]] static void run_rank(const Request& request, int rank, int port) {
    auto set = [](const char* name, int value) { setenv(name, std::to_string(value).c_str(), 1); };
    set("RANK", rank);
    set("LOCAL_RANK", rank);
    set("WORLD_SIZE", request.count);
    set("LOCAL_WORLD_SIZE", request.count);
    set("MASTER_PORT", port);
    setenv("MASTER_ADDR", "127.0.0.1", 1);
    int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / request.count);
    setenv("OMP_NUM_THREADS", std::to_string(cores).c_str(), 0);
    std::vector<char*> words = {const_cast<char*>("stint")};
    for (const std::string& word : request.command) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    std::error_code error;
    execv(std::filesystem::read_symlink("/proc/self/exe", error).c_str(), words.data());
    _exit(127);
  }

  /// The first failure is the run's; that the others end for its sake is no news, even if they are faster.
  void note(pid_t pid, int status) {
    auto rank = std::find(pids_.begin(), pids_.end(), pid) - pids_.begin();
    codes_[rank] = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    bool news = code_ == 0 || (for_another_ && WIFEXITED(status));
    if (codes_[rank] == 0 || !news) return;
    constexpr auto peer_lost = static_cast<int>(ErrorKind::peer_lost);
    code_ = WIFSIGNALED(status) ? peer_lost : codes_[rank];
    for_another_ = WIFEXITED(status) && code_ == peer_lost;
    if (WIFSIGNALED(status)) {
      std::fputs(fmt::format("stint: launch: rank {} was killed by signal {}\n", rank, WTERMSIG(status)).c_str(),
                 stderr);
    }
  }

  void signal_all(int signal) {
    for (std::size_t r = 0; r < pids_.size(); ++r) {
      if (codes_[r] == -1) kill(pids_[r], signal);
    }
  }

  std::vector<pid_t> pids_;
  std::vector<int> codes_;  // -1: runs
  int code_ = 0;
  bool for_another_ = false;  // it is of a rank that ended for another's sake
};

}  // namespace

int run_launch(const std::vector<std::string>& words) {
  if (!words.empty() && (words[0] == "--help" || words[0] == "-h")) {
    std::fputs(usage, stdout);
    return 0;
  }
  Request request = read_request(words);
  struct sigaction action {};
  action.sa_handler = [](int signal) { caught = signal; };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  return Ranks(request).wait();
}

}  // namespace stint
