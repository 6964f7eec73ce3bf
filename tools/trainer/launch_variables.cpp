#include <stint/runtime/error.h>
#include <stint/tools/trainer/launch_variables.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <string_view>

namespace stint {

namespace {

struct Names {
  const char *rank, *size, *local_rank;
};

constexpr std::array launchers = {
    Names{"RANK", "WORLD_SIZE", "LOCAL_RANK"},
    Names{"PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"},
    Names{"SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"},
    Names{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"},
};

int number_of(const char* variable, int otherwise) {
  const char* text = std::getenv(variable);
  if (!text) return otherwise;
  int value = 0;
  std::string_view view(text);
  auto [after, error] = std::from_chars(view.data(), view.data() + view.size(), value);
  if (error != std::errc{} || after != view.data() + view.size() || value < 0) {
    fail(ErrorKind::usage, "launch", "{} is '{}', expected a number", variable, view.substr(0, 40));
  }
  return value;
}

}  // namespace

LaunchVariables LaunchVariables::read() {
  LaunchVariables result;
  for (const Names& names : launchers) {
    if (!std::getenv(names.rank) || !std::getenv(names.size)) continue;
    result.rank = number_of(names.rank, 0);
    result.size = number_of(names.size, 1);
    result.local_rank = number_of(names.local_rank, 0);
    if (result.rank >= result.size) {
      fail(ErrorKind::usage, "launch", "{} is {}, but {} is {}", names.rank, result.rank, names.size, result.size);
    }
    break;
  }
  if (const char* address = std::getenv("MASTER_ADDR")) result.master_address = address;
  result.master_port = number_of("MASTER_PORT", result.master_port);
  return result;
}

}  // namespace stint
