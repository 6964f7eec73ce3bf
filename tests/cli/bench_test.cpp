#include <stint/tests/cli/run_program.h>
#include <stint/tests/temporary_directory.h>

#include <algorithm>
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

TEST_CASE("bench says of each operator what the step spent in it and how fast that was") {
  TemporaryDirectory directory;
  auto operators = nlohmann::json::parse(bench(directory, " --json").out)["operators"];
  double shares = 0, seconds = 0;
  for (const auto& o : operators) {
    shares += o["share"].get<double>();
    seconds += o["seconds"].get<double>();
    CHECK(o["flops_per_s"].get<double>() == Approx(o["flops"].get<double>() / o["seconds"].get<double>()));
    CHECK(o["bytes_per_s"].get<double>() == Approx(o["bytes"].get<double>() / o["seconds"].get<double>()));
  }
  CHECK(shares > 0.5);
  CHECK(shares <= 1);
  for (const auto& o : operators)
    CHECK(o["share"].get<double>() == Approx(o["seconds"].get<double>() * shares / seconds));

  auto conv = std::find_if(operators.begin(), operators.end(), [](const auto& o) { return o["name"] == "conv2d"; });
  REQUIRE(conv != operators.end());
  CHECK((*conv)["calls"] == 21);             // 19 of 3x3 and two projections of 1x1
  constexpr double positions = 8 * 16 * 16;  // a stage's: images and places in them; a quarter of it in the next
  CHECK((*conv)["flops"] == 2 * positions * (27 * 16 + 6 * 144 * 16) +            // 3 > 16, 16 > 16
                                2 * positions / 4 * (160 * 32 + 5 * 288 * 32) +   // 16 > 32 twice, 32 > 32
                                2 * positions / 16 * (320 * 64 + 5 * 576 * 64));  // 32 > 64 twice, 64 > 64
}

TEST_CASE("a step of bench has all of its batches") {
  TemporaryDirectory directory;
  auto json = nlohmann::json::parse(bench(directory, " --grad-accum-steps 3 --json").out);
  CHECK(json["images_per_s"].get<double>() * json["step_s"]["median"].get<double>() == Approx(3 * 8));
  for (const auto& o : json["operators"]) {
    if (o["name"] == "conv2d") CHECK(o["calls"] == 3 * 21);
  }
}

TEST_CASE("an epoch of bench has the run's steps, with which the share that is dropped changes") {
  TemporaryDirectory directory;
  auto saved = [&](const std::string& more) {
    return nlohmann::json::parse(
        bench(directory, " --samples 80 --grad-accum-steps 8 --json" + more).out)["saved_act_bytes"];
  };
  CHECK(saved(" --drop mink:gamma=0.9/0@2") == saved(""));  // an epoch is one step
}

TEST_CASE("bench's help names the variables that choose how convolutions are computed") {
  TemporaryDirectory directory;
  std::string help = run_shell("$stint bench --help", directory.path()).out;
  CHECK_THAT(help, Catch::Contains("STINT_WINOGRAD=auto|off|always") && Catch::Contains("STINT_CPU_CONV=blocked"));
#if STINT_WITH_ONEDNN  // the plain loops know one way
  for (const char* wrong : {"STINT_WINOGRAD=never", "STINT_CPU_CONV=nchw"}) {
    Outcome outcome = run_shell(std::string(wrong) + " $stint " + arguments, directory.path());
    CHECK(outcome.code == 2);
    CHECK_THAT(outcome.err, Catch::Contains("expected auto, off or always, got 'never'") ||
                                Catch::Contains("expected blocked, reordered or channels-last, got 'nchw'"));
  }
#endif
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
