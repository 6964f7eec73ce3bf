#include <stint/runtime/error.h>
#include <stint/tests/temporary_directory.h>
#include <stint/tools/data/picture.h>
#include <stint/tools/trainer/chart.h>
#include <stint/tools/trainer/event_file.h>
#include <stint/tools/trainer/files.h>
#include <stint/tools/trainer/memory_text.h>
#include <stint/tools/trainer/metrics.h>
#include <stint/tools/trainer/run_history.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>

using namespace stint;
using namespace stint::test;
namespace fs = std::filesystem;

namespace {

std::vector<nlohmann::json> lines_of(const fs::path& directory) {
  std::vector<nlohmann::json> lines;
  std::istringstream text(read_file(directory / "metrics.jsonl"));
  for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

/// How many records an event file has, with right lengths and checksums.
int records_in(const fs::path& directory) {
  std::string text;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().filename().string().starts_with("events.out.tfevents.")) text += read_file(entry.path());
  }
  auto masked = [](const std::string& data) {
    std::uint32_t crc = crc32c(data);
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
  };
  auto word_at = [&](std::size_t at) {
    std::uint32_t word = 0;
    std::memcpy(&word, text.data() + at, 4);
    return word;
  };
  int count = 0;
  for (std::size_t at = 0; at < text.size(); ++count) {
    std::size_t length = word_at(at);
    REQUIRE(at + 16 + length <= text.size());
    REQUIRE(word_at(at + 8) == masked(text.substr(at, 8)));
    REQUIRE(word_at(at + 12 + length) == masked(text.substr(at + 12, length)));
    at += 16 + length;
  }
  return count;
}

void log_run(Metrics& metrics, int from, int to) {
  for (int step = from; step <= to; ++step) {
    metrics.add(StepMetrics{step, (step - 1) / 4, 1.0 / step, 0.1, 0.01, 0.001});
    if (step % 4 == 0) metrics.add(EpochSummary{.epoch = step / 4 - 1, .train_loss = 1.0 / step}, step);
  }
}

}  // namespace

TEST_CASE("CRC-32C as in RFC 3720, B.4", "[trainer]") {
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aau);
  CHECK(crc32c(std::string(32, '\xff')) == 0x62a8ab43u);
  CHECK(crc32c("123456789") == 0xe3069283u);
}

TEST_CASE("logs are cut back to the checkpoint and go on without a gap or a repetition", "[trainer]") {
  TemporaryDirectory directory;
  {
    Metrics metrics(directory.path(), 0, 0);
    log_run(metrics, 1, 11);
  }
  CHECK(lines_of(directory.path()).size() == 13);
  CHECK(records_in(directory.path()) == 1 + 11 * 2 + 2 * 3);
  std::string torn = read_file(directory.path() / "metrics.jsonl");
  write_file(directory.path() / "metrics.jsonl", torn + "{\"step\": 12, \"ep");  // as a kill leaves it
  {
    Metrics metrics(directory.path(), 8, 1);  // the checkpoint of step 8, before the evaluation of epoch 1
    CHECK(lines_of(directory.path()).size() == 9);
    metrics.add(EpochSummary{.epoch = 1}, 8);
    log_run(metrics, 9, 12);
  }
  auto lines = lines_of(directory.path());
  std::vector<int> steps, epochs;
  for (const auto& line : lines)
    (line.contains("loss") ? steps : epochs).push_back(line.contains("loss") ? line["step"] : line["epoch"]);
  CHECK(steps == std::vector<int>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  CHECK(epochs == std::vector<int>{0, 1, 2});
  CHECK(records_in(directory.path()) == 1 + 12 * 2 + 3 * 3);
}

TEST_CASE("every line of the log has live and peak bytes by purpose, and an epoch's what was kept", "[trainer]") {
  TemporaryDirectory directory;
  PurposeBytes live, peak;
  live[Purpose::parameter] = 12;
  peak[Purpose::parameter] = 10;
  peak[Purpose::saved] = 30;
  Metrics metrics(directory.path(), 0, 0);
  metrics.add(StepMetrics{.step = 1, .live = live, .peak = peak});
  EpochSummary summary{.memory = {.peak = peak, .live = live}};
  metrics.add(summary, 1);
  summary.dropped = {{{"a", "b"}, 0.9, 100, 9, {.inside = 8, .kept = 7}}};
  metrics.add(summary, 2);
  auto lines = lines_of(directory.path());
  for (const auto& line : lines) {
    CHECK(line["live_bytes"]["total"] == 12);
    CHECK(line["live_bytes"]["saved"] == 0);
    CHECK(line["peak_bytes"]["total"] == 40);
    CHECK(line["peak_bytes"]["saved"] == 30);
    CHECK(line["peak_bytes"].size() == 1 + purpose_count);
  }
  CHECK_FALSE(lines[0].contains("dropped"));
  CHECK_FALSE(lines[1].contains("dropped"));
  CHECK(lines[2]["dropped"] == nlohmann::json::parse(R"([{"layers": ["a", "b"], "gamma": 0.9, "elements": 100,
                                                          "capacity": 9, "inside": 8, "kept": 7}])"));
}

TEST_CASE("what is kept is told of all tensors together, and what was cut if anything was", "[trainer]") {
  std::vector<DropRecord> records = {{{"a"}, 0.9, 1000, 100, {.inside = 90, .kept = 90}},
                                     {{"b"}, 0.5, 1000, 500, {.inside = 380, .kept = 380}}};
  CHECK(kept_text(records) == "kept 23.50 % of 2000 elements in 2 tensors, room for 30.00 %");
  records[0].counts = {.inside = 111, .kept = 100};
  CHECK(kept_text(records) == "kept 24.00 % of 2000 elements in 2 tensors, room for 30.00 %, 11 cut");
}

TEST_CASE("a loss that is not a number is null in the log", "[trainer]") {
  TemporaryDirectory directory;
  Metrics metrics(directory.path(), 0, 0);
  metrics.add(StepMetrics{.step = 1, .loss = NAN});
  metrics.flush();
  CHECK(lines_of(directory.path())[0]["loss"].is_null());
}

TEST_CASE("a chart is the same picture as SVG and as PNG", "[trainer]") {
  Chart chart{"epoch", {{"loss <x>", {{"a", {{0, 1}, {1, NAN}, {2, 3}}, 0, false}}}, {"empty"}}};
  std::string svg = chart_svg(chart);
  CHECK_THAT(svg, Catch::StartsWith("<svg xmlns=") && Catch::EndsWith("</svg>\n") && Catch::Contains("loss &lt;x&gt;"));
  CHECK_THAT(svg, !Catch::Contains("nan"));
  std::string png = chart_png(chart);
  Picture picture = decode_picture({reinterpret_cast<const std::uint8_t*>(png.data()), png.size()}, "chart");
  CHECK(picture.width == 960);
  CHECK(picture.height == 340);
  int blue = 0;
  for (std::size_t i = 0; i < picture.pixels.size(); i += 3) {
    blue += picture.pixels[i] < 20 && picture.pixels[i + 1] > 100 && picture.pixels[i + 2] > 160;
  }
  CHECK(blue > 300);  // the curve, from corner to corner
}

TEST_CASE("a history is read from a run, and refused from elsewhere", "[trainer]") {
  TemporaryDirectory directory;
  CHECK_THROWS_WITH(read_history(directory.path()), Catch::Contains("is no run"));
  {
    Metrics metrics(directory.path(), 0, 0);
    log_run(metrics, 1, 8);
  }
  write_file(directory.path() / "summary.csv", "epoch,train_loss,eval_top1\n0,0.5,90\n1,0.25,80\n");
  RunHistory history = read_history(directory.path());
  CHECK(history.epochs.size() == 2);
  CHECK(history.last("eval_top1") == 80);
  CHECK(history.best("eval_top1") == 90);
  CHECK(std::isnan(history.last("other")));
  REQUIRE(history.train_loss.size() == 8);
  CHECK(history.train_loss[3].first == 1);  // four steps an epoch
  write_file(directory.path() / "summary.csv", "epoch,train_loss\n0,0.5,90\n");
  CHECK_THROWS_WITH(read_history(directory.path()), Catch::Contains("a row of 3 values, expected 2"));
}
