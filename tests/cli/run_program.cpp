#include <stint/tests/cli/run_program.h>
#include <stint/tests/temporary_directory.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace stint::test {

namespace {

std::string text_of(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace

Outcome run_program(const std::string& arguments, const std::string& directory) {
  return run_shell("$stint " + arguments, directory);
}

Outcome run_shell(const std::string& command, const std::string& directory) {
  TemporaryDirectory outputs;
  std::string out = outputs.path() / "out", err = outputs.path() / "err";
  std::string all = "cd " + directory + "; stint=" STINT_PROGRAM "; (" + command + ") >" + out + " 2>" + err;
  int status = std::system(all.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text_of(out), text_of(err)};
}

}  // namespace stint::test
