#include <stint/tests/cli/run_program.h>
#include <stint/tests/temporary_directory.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

using namespace stint;
using namespace stint::test;

namespace {

const char* small = " --dataset synthetic --image-size 16 --model resnet20 --batch-size 8";

}  // namespace

TEST_CASE("inspect mem lists every slot, what it costs and why") {
  Outcome table = run_program(std::string("inspect mem") + small + " --drop mink:gamma=0.9,exclude=head");
  CHECK(table.code == 0);
  CHECK_THAT(table.out, Catch::Contains("layer1.0.conv1 conv2d 0") && Catch::Contains("mink 0.9 bitmask") &&
                            Catch::Contains("held outside") && Catch::Contains("not chosen") &&
                            Catch::Contains("shared with layer2.0.conv1 conv2d slot 0") && Catch::Contains("% of") &&
                            Catch::Contains("parameter"));
}

TEST_CASE("inspect mem adds up to what plan says, dense and dropped, from a file and from a run") {
  TemporaryDirectory directory;
  std::string file = directory.path().string() + "/net.yaml";
  std::ofstream(file) << "data:\n  dataset: synthetic\n  image_size: 16\n  batch_size: 8\nmodel:\n  name: resnet20\n"
                         "memory:\n  drop: mink:gamma=0.9\n  drop_layers:\n    layer1: 0.5\n    layer3.0: 0\n";
  auto inspect = nlohmann::json::parse(run_program("inspect mem " + file + " --json").out);
  auto plan = nlohmann::json::parse(run_program("plan --json --config " + file).out);
  auto dense = nlohmann::json::parse(run_program(std::string("plan --json") + small).out);
  CHECK(inspect["held_bytes"] == plan["saved_act_bytes"]);
  CHECK(inspect["dense_bytes"] == dense["saved_act_bytes"]);
  std::size_t sum = 0;
  for (const auto& slot : inspect["slots"]) {
    sum += slot["held_bytes"].get<std::size_t>();
    if (slot["layer"] == "layer1.1.conv2" && slot["slot"] == 0) CHECK(slot["encoding"] == "mink 0.5 bitmask");
    if (slot["layer"] == "layer3.0.conv2" && slot["slot"] == 0) CHECK(slot["encoding"] == "dense");
  }
  CHECK(sum == inspect["held_bytes"]);
  CHECK(sum < inspect["dense_bytes"]);

  std::string train = "train --model mlp --epochs 1 --batch-size 700 --drop mink --experiment run --output ";
  REQUIRE(run_program(train + directory.path().string()).code == 0);
  Outcome run = run_program("inspect mem " + directory.path().string() + "/run");
  CHECK_THAT(run.out, Catch::Contains("mlp, batches of 700") && Catch::Contains("mink 0.9"));
}

TEST_CASE("a step that does not fit says what it held, and exits with 3") {
  Outcome plan =
      run_program("plan --dataset synthetic --image-size 32 --model resnet20 --batch-size 64 --mem-budget 60MiB");
  CHECK(plan.code == 3);
  CHECK_THAT(plan.err, Catch::Contains("do not fit") && Catch::Contains("\nlargest of ") &&
                           Catch::Contains("batch_norm") && Catch::Contains("--drop mink:gamma=0.9"));
}

TEST_CASE("of layers that share an input, one of which is not chosen, inspect names the other") {
  Outcome outcome = run_program(
      "inspect mem --model resnet20 --dataset synthetic --image-size 16 --batch-size 2 "
      "--drop mink:gamma=0.9,exclude=layer2.0.downsample.0");
  std::istringstream lines(outcome.out);
  std::string row;
  while (std::getline(lines, row) && !row.starts_with("layer2.0.conv1 conv2d 0 ")) continue;
  CHECK_THAT(row, Catch::EndsWith("shared with layer2.0.downsample.0 conv2d slot 0, not all chosen"));
}
