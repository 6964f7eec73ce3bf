#include <stint/tests/cli/run_program.h>
#include <stint/tests/temporary_directory.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

using namespace stint::test;

namespace {

const std::string arguments =
    "bench --dataset synthetic --image-size 16 --model resnet20 --batch-size 8 --steps 1 --threads 1";

/// `$stint bench` with a cache folder of its own.
Outcome bench(const TemporaryDirectory& directory, const std::string& more) {
  std::string path = directory.path();
  return run_shell("XDG_CACHE_HOME=" + path + " $stint " + arguments + more, path);
}

std::filesystem::path cached(const TemporaryDirectory& directory) {
  return std::filesystem::directory_iterator(directory.path() / "stint")->path();
}

}  // namespace

TEST_CASE("bench measures the machine's ceilings once, and says how far each operator is from them") {
  TemporaryDirectory directory;
  auto json = nlohmann::json::parse(bench(directory, " --json").out);
  CHECK(json["ceilings"]["f32_flops"] > 1e9);
  CHECK(json["ceilings"]["bf16_flops"] > 1e8);
  CHECK(json["ceilings"]["memory_bytes"] > 1e9);

  std::ofstream(cached(directory)) << R"({"f32_flops": 1e12, "bf16_flops": 2e12, "memory_bytes": 4e12})";
  json = nlohmann::json::parse(bench(directory, " --json").out);
  CHECK(json["ceilings"]["f32_flops"] == 1e12);
  for (const auto& o : json["operators"]) {
    double flops = o["flops"], bytes = o["bytes"], seconds = o["seconds"];
    CHECK(o["ceiling_share"].get<double>() == Approx(std::max(flops / 1e12, bytes / 4e12) / seconds));
  }

  std::ofstream(cached(directory)) << "{\"f32_flops\": ";
  CHECK(nlohmann::json::parse(bench(directory, " --json").out)["ceilings"]["f32_flops"] != 1e12);
}

TEST_CASE("bench prints its table, and a trace of one step where asked") {
  TemporaryDirectory directory;
  Outcome outcome = bench(directory, " --trace");
  CHECK(outcome.code == 0);
  CHECK_THAT(outcome.out, Catch::Contains("of ceiling") && Catch::Contains("conv2d_backward_weights") &&
                              Catch::Contains("(between operators)") && Catch::Contains("ceilings, measured: f32 "));
  auto trace = nlohmann::json::parse(std::ifstream(directory.path() / "trace.json"));
  int steps = 0;
  for (const auto& event : trace["traceEvents"]) steps += event["name"] == "step";
  CHECK(steps == 1);
}
