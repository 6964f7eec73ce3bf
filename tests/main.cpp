#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include "op_case.h"

/// Catch2's program with two more modes: --perf and --support.
int main(int argc, char** argv) {
  Catch::Session session;
  bool performance = false, support = false;
  using namespace Catch::clara;
  session.cli(session.cli() | Opt(performance)["--perf"]("print time, GB/s and GFLOP/s of every operator") |
              Opt(support)["--support"]("print operators, dtypes and devices"));
  if (int failed = session.applyCommandLine(argc, argv)) return failed;
  if (performance) stint::test::print_performance();
  if (support) stint::test::print_support();
  return performance || support ? 0 : session.run();
}
