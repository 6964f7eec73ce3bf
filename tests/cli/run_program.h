#pragma once

#include <string>

namespace stint::test {

/// What a run of the `stint` program left.
struct Outcome {
  int code = 0;
  std::string out, err;
};

/// Runs `stint ARGUMENTS` in `directory`; the shell reads the arguments, so they may quote and redirect.
Outcome run_program(const std::string& arguments, const std::string& directory = "/");

/// Runs any shell command, in which `$stint` is the program.
Outcome run_shell(const std::string& command, const std::string& directory = "/");

}  // namespace stint::test
