#define CATCH_CONFIG_RUNNER
#include <stint/kernels/cuda.cuh>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

/// Runs the cases on the simulated device. STINT_SIMT_BLOCKS=N: at most N blocks a grid, so that threads walk on over
/// memory as they do over large tensors. STINT_SIMT_LAUNCHED=FILE: writes the names of the kernels that were launched.
int main(int argc, char** argv) {
  setenv("STINT_TEST_DEVICE", "cuda", 0);
  setenv("STINT_CUDA_LIBRARIES", STINT_FAKE_NCCL, 1);
  if (const char* blocks = std::getenv("STINT_SIMT_BLOCKS")) stint::cuda::most_blocks = std::atoi(blocks);
  int failed = Catch::Session().run(argc, argv);
  if (const char* path = std::getenv("STINT_SIMT_LAUNCHED")) {
    std::ofstream file(path);
    for (const std::string& name : stint::simt::launched()) file << name << '\n';
  }
  return failed;
}
