// Several processes that are cut in the middle of a round, or stopped, and go on.

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "../temporary_directory.h"
#include "run_program.h"

using namespace stint::test;
namespace fs = std::filesystem;

namespace {

/// Starts two ranks; the run has the experiment's name.
std::string launch(const std::string& sync, const std::string& epochs, const std::string& name) {
  return "$stint launch -n 2 -- train --model mlp --model-kwargs hidden=32 --batch-size 64 --lr 0.05 --momentum 0.5 "
         "--sched cosine --threads 1 --output . --sync " +
         sync + " --epochs " + epochs + " --experiment " + name + " ";
}

/// Goes on with that run, which then has the weights of `whole`, and its workers the memory of its workers.
void goes_on(const TemporaryDirectory& directory, const std::string& run, const std::string& whole) {
  Outcome outcome = run_shell("$stint launch -n 2 -- train --resume " + run, directory.path());
  INFO(outcome.err);
  CHECK(outcome.code == 0);
  for (const std::string file : {"model", "rank-0", "rank-1"}) {
    std::string path = "/checkpoints/last/" + file + ".safetensors";
    bool there = fs::exists(directory.path() / (whole + path));
    INFO(run << path);
    CHECK((there || file != "model"));
    CHECK(fs::exists(directory.path() / (run + path)) == there);
    if (there) CHECK(run_shell("cmp " + run + path + " " + whole + path, directory.path()).code == 0);
  }
}

/// Whether this worker could be left out: whether what all have in common says everything of it.
bool nothing_of_its_own(const fs::path& checkpoint) {
  return nlohmann::json::parse(std::ifstream(checkpoint / "rank-1.json"))["nothing_of_its_own"];
}

}  // namespace

TEST_CASE("processes that are cut in the middle of a round, and go on, have the bits of some that were not", "[cli]") {
  for (const std::string sync : {"liec:period=5", "vrl:period=5", "cocod:period=5"}) {
    INFO(sync);
    TemporaryDirectory directory;  // 2 epochs of 11 steps
    REQUIRE(run_shell(launch(sync, "2", "whole"), directory.path()).code == 0);
    REQUIRE(run_shell(launch(sync, "2", "cut") + "--recovery-interval 1 --checkpoint-hist 30", directory.path()).code ==
            0);
    for (int step = 9; step <= 22; ++step) {
      std::string name = "step-" + std::string(step < 10 ? "000000000" : "00000000") + std::to_string(step);
      REQUIRE(fs::remove_all(directory.path() / "cut/checkpoints" / name) > 0);
    }
    REQUIRE_FALSE(nothing_of_its_own(directory.path() / "cut/checkpoints/step-0000000008"));
    goes_on(directory, "cut", "whole");
  }
}

TEST_CASE("processes that a signal stops in the middle, and go on, have the bits of some that were not", "[cli]") {
  for (const std::string sync : {"liec:period=1000", "vrl:period=7"}) {
    INFO(sync);
    TemporaryDirectory directory;
    const std::string epochs = "40";
    REQUIRE(run_shell(launch(sync, epochs, "whole"), directory.path()).code == 0);
    Outcome stopped = run_shell(launch(sync, epochs, "stopped") +
                                    "& launcher=$!; for i in $(seq 3000); do test -s stopped/metrics.jsonl && break; "
                                    "sleep 0.01; done; kill -TERM $launcher; wait $launcher",
                                directory.path());
    INFO(stopped.err);
    REQUIRE(stopped.code == 143);
    REQUIRE_FALSE(nothing_of_its_own(directory.path() / "stopped/checkpoints/last"));
    goes_on(directory, "stopped", "whole");
  }
}
