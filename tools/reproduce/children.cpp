#include <fcntl.h>
#include <stint/runtime/error.h>
#include <stint/tools/reproduce/children.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <thread>

namespace stint::reproduce {

namespace {

volatile std::sig_atomic_t caught = 0;

/// Lets what ends us wait.
class SignalsHeld {
 public:
  SignalsHeld() {
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, &before_);
  }
  ~SignalsHeld() { release(); }
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;

  void release() { sigprocmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

[[noreturn]] void become(const std::vector<std::string>& words, const std::filesystem::path& log) {
  int descriptor = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0 || dup2(descriptor, STDOUT_FILENO) < 0) _exit(127);
  std::vector<char*> arguments = {const_cast<char*>("stint")};
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  std::error_code error;
  execv(std::filesystem::read_symlink("/proc/self/exe", error).c_str(), arguments.data());
  _exit(127);
}

}  // namespace

Children::Children() {
  caught = 0;
  struct sigaction action {};
  action.sa_handler = [](int signal) { caught = signal; };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
}

int Children::start(const std::vector<std::string>& words, const std::filesystem::path& log) {
  pid_t parent = getpid();
  std::fflush(nullptr);
  SignalsHeld held;  // the child would take one with our handler, which only notes it, and train on
  pid_t pid = fork();
  if (pid < 0) fail(ErrorKind::runtime, "reproduce", "cannot start a run: {}", std::strerror(errno));
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);  // no orphans
    if (getppid() != parent) _exit(1);
    setpgid(0, 0);  // Ctrl-C reaches us alone, and we pass it on
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    held.release();
    become(words, log);
  }
  numbers_[pid] = started_;
  return started_++;
}

int Children::stopped() const {
  return caught ? caught : stopped_;
}

Children::End Children::wait() {
  for (;;) {
    if (caught) {
      stopped_ = caught;
      caught = 0;
      for (const auto& [pid, number] : numbers_) kill(pid, stopped_);
    }
    int status = 0;
    pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid == 0 || (pid < 0 && errno == EINTR)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));  // a signal must not find us asleep for long
      continue;
    }
    auto found = numbers_.find(pid);
    if (found == numbers_.end()) fail(ErrorKind::runtime, "reproduce", "lost a run: {}", std::strerror(errno));
    int number = found->second;
    numbers_.erase(found);
    return {number, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)};
  }
}

}  // namespace stint::reproduce
