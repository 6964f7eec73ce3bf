#include <fcntl.h>
#include <stint/kernels/cuda_libraries.h>
#include <stint/runtime/allocator.h>
#include <stint/runtime/error.h>
#include <stint/runtime/parallel.h>
#include <stint/tools/cli/arguments.h>
#include <stint/tools/cli/commands.h>
#include <stint/tools/cli/error_text.h>
#include <stint/tools/trainer/team.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <new>
#include <system_error>

namespace {

constexpr int nobody_reads = 128 + SIGPIPE;

/// Where the command's tensors live; those that compute nothing work on the null device.
stint::Device device_of(const stint::Arguments& arguments) {
  if (arguments.command == "train") return stint::device_of_rank(arguments.config);
  for (const char* computes : {"eval", "bench", "predict"}) {
    if (arguments.command == computes) return stint::Device::parse(arguments.config.device);
  }
  return stint::Device::null();
}

int run(const stint::Arguments& arguments) {
  const stint::Config& config = arguments.config;
  if (arguments.command.empty()) {
    std::fputs(arguments.message.c_str(), stdout);
    return 0;
  }
  if (config.threads > 0) stint::set_thread_count(static_cast<int>(config.threads));
  stint::Device device = device_of(arguments);
  if (device.type == stint::Device::Type::cuda) stint::open_cuda_libraries();  // before anything is made or read
  if (!config.memory.budget.empty()) {
    stint::allocator_of(device).set_limit(stint::parse_bytes(config.memory.budget));
  }
  if (arguments.command == "train") return stint::run_train(config);
  if (arguments.command == "eval") return stint::run_eval(config, arguments.checkpoint);
  if (arguments.command == "plan") return stint::run_plan(config);
  if (arguments.command == "bench") return stint::run_bench(config, arguments.steps);
  if (arguments.command == "predict") return stint::run_predict(config, arguments.inputs, arguments.output);
  if (arguments.command == "convert") return stint::run_convert(config, arguments.to, arguments.output);
  if (arguments.command == "compare") return stint::run_compare(config, arguments.runs, arguments.picture);
  if (arguments.command.starts_with("reproduce ")) return stint::run_reproduce(arguments.reproduce);
  if (arguments.command == "inspect mem") return stint::run_inspect_mem(config);
  return stint::run_inspect_model(config, arguments.model_named);
}

int report(stint::ErrorKind kind, const char* text) {
  std::fflush(stdout);
  std::fputs(stint::error_text(text).c_str(), stderr);
  return static_cast<int>(kind);
}

/// A report that could not be written in full is no success.
int finish(int code) {
  if (std::fflush(stdout) == 0 || code != 0) return code;
  if (errno == EPIPE) return nobody_reads;
  std::string text = std::string("standard output: ") + std::strerror(errno);
  return report(stint::ErrorKind::runtime, text.c_str());
}

/// A standard stream that the caller has closed goes to /dev/null, or the first file we open would take its place and
/// our messages with it.
void open_standard_streams() {
  int descriptor = 0;
  do descriptor = open("/dev/null", O_RDWR);
  while (descriptor >= 0 && descriptor <= STDERR_FILENO);
  if (descriptor >= 0) close(descriptor);
}

}  // namespace

/// Exit codes: 0 ok, 1 runtime, 2 usage or configuration, 3 does not fit, 4 data, 5 peer lost, 6 diverged, 7 replicas
/// drifted, 8 a table is out of tolerance; 128 + n after signal n, also where a reader of our output has gone
/// (SIGPIPE).
int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is a failed write, not a death
  open_standard_streams();
  try {
    std::vector<std::string> words(argv + 1, argv + argc);
    if (!words.empty() && words[0] == "launch") return finish(stint::run_launch({words.begin() + 1, words.end()}));
    return finish(run(stint::parse_arguments(words)));
  } catch (const stint::Error& error) {
    std::string text = error.what();
    bool advised = text.find("--batch-size") != std::string::npos;
    if (error.kind() == stint::ErrorKind::memory && !advised) text += ": a smaller --batch-size may help";
    std::fflush(stdout);
    _exit(report(error.kind(), text.c_str()));  // a device in the middle of a collective may never come to rest
  } catch (const std::bad_alloc&) {
    return report(stint::ErrorKind::memory, "out of memory: a smaller --batch-size may help");
  } catch (const std::system_error& error) {
    return error.code() == std::errc::broken_pipe ? nobody_reads : report(stint::ErrorKind::runtime, error.what());
  } catch (const std::exception& error) {
    return report(stint::ErrorKind::runtime, error.what());
  }
}
