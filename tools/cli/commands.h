#pragma once

#include <stint/tools/config/config.h>

#include <string>

/// What each subcommand runs. Reports go to standard output, as text or with `log.json` as JSON; errors are thrown. The
/// result is the exit code.
namespace stint {

int run_train(const Config& config);
int run_eval(const Config& config, const std::string& checkpoint);
int run_plan(const Config& config);
int run_inspect_model(const Config& config);
int run_inspect_mem(const Config& config);
int run_bench(const Config& config, int steps);

}  // namespace stint
