// Programs under limits of the shell, as containers and shared machines set them.

#include <catch2/catch.hpp>

#include "run_program.h"

using namespace stint::test;

#ifndef __SANITIZE_ADDRESS__  // which needs more addresses than any limit leaves

TEST_CASE("a limit of addresses is a limit of memory, and not an error") {
  std::string bench = "bench --dataset synthetic --threads 1 --steps 1 ";
  Outcome fits = run_shell("ulimit -v 4000000; $stint " + bench + "--model mlp --batch-size 8");
  CHECK(fits.code == 0);
  Outcome large =
      run_shell("ulimit -v 4000000; $stint " + bench + "--model resnet18 --image-size 224 --batch-size 256");
  CHECK(large.code == 3);
  CHECK_THAT(large.err, Catch::Contains("a smaller --batch-size may help"));
}

TEST_CASE("memory that the machine refuses is called that") {
  Outcome refused = run_shell(
      "ulimit -d 120000; $stint bench --dataset synthetic --threads 1 --model resnet18 --image-size 64 --batch-size "
      "64");
  CHECK(refused.code == 3);
  CHECK_THAT(refused.err, Catch::Contains("more bytes do not fit: the machine gave "));
}

#endif
