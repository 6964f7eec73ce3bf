#include <stint/runtime/allocator.h>
#include <stint/runtime/error.h>
#include <stint/runtime/parallel.h>
#include <stint/tools/cli/arguments.h>
#include <stint/tools/cli/commands.h>

#include <csignal>
#include <cstdio>
#include <new>

namespace {

int run(const stint::Arguments& arguments) {
  const stint::Config& config = arguments.config;
  if (arguments.command.empty()) {
    std::fputs(arguments.message.c_str(), stdout);
    return 0;
  }
  if (config.threads > 0) stint::set_thread_count(static_cast<int>(config.threads));
  if (!config.memory.budget.empty()) {
    stint::allocator_of(stint::Device::parse(config.device)).set_limit(stint::parse_bytes(config.memory.budget));
  }
  if (arguments.command == "train") return stint::run_train(config);
  if (arguments.command == "eval") return stint::run_eval(config, arguments.checkpoint);
  if (arguments.command == "plan") return stint::run_plan(config);
  if (arguments.command == "bench") return stint::run_bench(config, arguments.steps);
  return stint::run_inspect_model(config);
}

int report(int code, const char* text) {
  std::fflush(stdout);
  fmt::print(stderr, "stint: {}\n", text);
  return code;
}

}  // namespace

/// Exit codes: 0 ok, 1 runtime, 2 usage or configuration, 3 does not fit, 4 data, 5 peer lost, 6 diverged, 7 replicas
/// drifted; 128 + n after signal n.
int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is a failed write, not a death
  try {
    return run(stint::parse_arguments({argv + 1, argv + argc}));
  } catch (const stint::Error& error) {
    return report(static_cast<int>(error.kind()), error.what());
  } catch (const std::bad_alloc&) {
    return report(static_cast<int>(stint::ErrorKind::memory), "out of memory: a smaller --batch-size may help");
  } catch (const std::exception& error) {
    return report(static_cast<int>(stint::ErrorKind::runtime), error.what());
  }
}
