#include <stint/kernels/cpu_arithmetic.h>
#include <stint/runtime/error.h>
#include <stint/tests/temporary_directory.h>
#include <stint/tools/trainer/checkpoint_state.h>
#include <stint/tools/trainer/files.h>
#include <stint/tools/trainer/train.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <sstream>

using namespace stint;
using namespace stint::test;
namespace fs = std::filesystem;

namespace {

struct Silent : TrainingObserver {
  std::atomic<int> stop = 0;
  std::vector<std::string> notes;
  int stop_after = -1, steps = 0;

  void started(const RunDirectory&, Training&, const std::vector<std::string>& text) override { notes = text; }
  void stepped(const TrainingMoment&) override {
    if (++steps == stop_after) stop = 15;
  }
  void epoch_done(const EpochSummary&, std::int64_t) override {}
};

Config run_of(const TemporaryDirectory& directory, const std::string& name) {
  Config config;
  config.device = "cpu";
  config.model.name = "mlp";
  config.model.kwargs = {{"hidden", "16"}};
  config.optim.epochs = 3;
  config.optim.lr = 0.05;
  config.optim.model_ema = true;
  config.optim.model_ema_decay = 0.9;
  config.data.batch_size = 200;
  config.log.output = directory.path();
  config.log.experiment = name;
  return config;
}

TrainingOutcome run(const Config& config, Silent& observer) {
  return train(config, observer, observer.stop);
}

void write_plain(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string weights(const fs::path& run) {
  return read_file(run / "checkpoints/last/model.safetensors") + read_file(run / "checkpoints/last/ema.safetensors");
}

std::vector<std::string> steps_in(const fs::path& run) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(run / "checkpoints")) {
    if (!entry.is_symlink()) names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> column_of_summary(const fs::path& run, const std::string& name) {
  std::istringstream rows(read_file(run / "summary.csv"));
  std::vector<std::string> values;
  std::ptrdiff_t column = 0;
  for (std::string row, cell; std::getline(rows, row);) {
    std::istringstream line(row);
    std::vector<std::string> cells;
    while (std::getline(line, cell, ',')) cells.push_back(cell);
    if (cells.at(0) == "epoch") {
      column = std::find(cells.begin(), cells.end(), name) - cells.begin();
    } else {
      values.push_back(cells.at(static_cast<std::size_t>(column)));
    }
  }
  return values;
}

}  // namespace

TEST_CASE("any bit flipped in a checkpoint, or its end cut off, is noticed and the file is named", "[trainer]") {
  TemporaryDirectory directory;
  Silent silent;
  fs::path run_path = run(run_of(directory, "run"), silent).run, last = run_path / "checkpoints/last";
  verify_checkpoint(last);
  for (const char* name : {"state.json", "model.safetensors", "optimizer.safetensors", "ema.safetensors"}) {
    std::string whole = read_file(last / name);
    std::size_t stride = std::max<std::size_t>(1, whole.size() / 200);
    for (std::size_t at = 0; at < whole.size(); at += stride) {
      INFO(name << ", byte " << at);
      std::string flipped = whole;
      flipped[at] = static_cast<char>(flipped[at] ^ 1 << at % 8);
      write_plain(last / name, flipped);
      CHECK_THROWS_WITH(verify_checkpoint(last), Catch::Contains(std::string(name) + " is damaged"));
      write_plain(last / name, whole.substr(0, at));
      CHECK_THROWS_WITH(verify_checkpoint(last), Catch::Contains(std::string(name) + " is damaged"));
    }
    fs::remove(last / name);
    CHECK_THROWS_WITH(verify_checkpoint(last), Catch::Contains(name));
    write_plain(last / name, whole);
    verify_checkpoint(last);
  }
}

TEST_CASE("the checkpoint before a damaged one is used, and the end is the same", "[trainer]") {
  TemporaryDirectory directory;
  Silent silent;
  fs::path whole = run(run_of(directory, "whole"), silent).run;
  Config config = run_of(directory, "cut");
  Silent stops;
  stops.stop_after = 17;  // 7 steps an epoch: checkpoints at 7, 14, 17; two are kept
  fs::path cut = run(config, stops).run;
  CHECK(steps_in(cut).size() >= 2);
  std::string damaged = read_file(cut / "checkpoints/last/model.safetensors");
  damaged[damaged.size() / 2] ^= 16;
  write_plain(cut / "checkpoints/last/model.safetensors", damaged);
  config.resume = cut;
  Silent rest;
  run(config, rest);
  REQUIRE(rest.notes.size() == 1);
  CHECK_THAT(rest.notes[0],
             Catch::Contains("step-0000000017/model.safetensors is damaged: its checksum is wrong; going "
                             "on from step-0000000014"));
  CHECK(rest.steps == 7);
  CHECK(weights(cut) == weights(whole));
  CHECK(std::count(damaged.begin(), damaged.end(), '\n') >= 0);

  for (const std::string& name : steps_in(cut)) write_plain(cut / "checkpoints" / name / "state.json", "{}");
  CHECK_THROWS_WITH(run(config, rest), Catch::Contains("is whole") && Catch::Contains("state.json is damaged"));
}

TEST_CASE("a damaged newest checkpoint does not push out what is written after it", "[trainer]") {
  TemporaryDirectory directory;
  Config config = run_of(directory, "run");
  config.log.checkpoint_hist = 1;
  Silent stops, more, rest;
  stops.stop_after = 17;
  fs::path path = run(config, stops).run;
  write_plain(path / "checkpoints/step-0000000017/model.safetensors", "damaged");
  config.resume = path;
  more.stop_after = 1;
  run(config, more);
  REQUIRE(more.notes.size() == 1);
  CHECK_FALSE(fs::exists(path / "checkpoints/step-0000000017"));
  CHECK_NOTHROW(verify_checkpoint(path / "checkpoints/last"));
  run(config, rest);
  CHECK(rest.notes.empty());
}

TEST_CASE("a run that goes on with shorter epochs has their place in the schedule", "[trainer]") {
  TemporaryDirectory directory;
  Config config = run_of(directory, "run"), whole = run_of(directory, "whole");
  whole.data.batch_size = 100;
  config.optim.epochs = 2;
  whole.optim.epochs = 4;
  Silent silent;
  config.resume = run(config, silent).run;
  config.data.batch_size = 100;
  config.optim.epochs = 4;
  auto resumed = column_of_summary(run(config, silent).run, "lr");
  auto expected = column_of_summary(run(whole, silent).run, "lr");
  REQUIRE(resumed.size() == 4);
  CHECK(resumed[2] == expected[2]);
  CHECK(resumed[3] == expected[3]);
}

TEST_CASE("in the middle of an epoch batches stay what they are, and may come from elsewhere", "[trainer]") {
  TemporaryDirectory directory;
  Config config = run_of(directory, "run");
  Silent stops, silent;
  stops.stop_after = 3;
  config.resume = run(config, stops).run;
  Config other = config;
  other.optim.grad_accum_steps = 2;
  CHECK_THROWS_WITH(run(other, silent), Catch::Contains("in the middle of an epoch its batches cannot change: ") &&
                                            Catch::Contains("grad_accum_steps"));
  other = config;
  other.data.batch_size = 100;
  CHECK_THROWS_WITH(run(other, silent),
                    Catch::Contains("its batches cannot change: ") && Catch::Contains("batch_size"));
  config.data.loader_threads += 1;
  CHECK_NOTHROW(run(config, silent));
}

TEST_CASE("a run that was stopped in an epoch goes on with its files in another place", "[trainer]") {
  TemporaryDirectory directory;
  std::string rows;
  for (int i = 0; i < 1000; ++i) rows += fmt::format("{} 1:{}\n", i % 2, i % 7);
  Config config = run_of(directory, "run");
  config.data.dataset = "libsvm";
  config.data.dir = directory.path() / "before";
  write_plain(config.data.dir, rows);
  Silent stops, silent;
  stops.stop_after = 2;
  config.resume = run(config, stops).run;
  fs::rename(directory.path() / "before", directory.path() / "behind");
  config.data.dir = directory.path() / "behind";
  CHECK_NOTHROW(run(config, silent));
}

TEST_CASE("skipped steps are in no mean, and a model of NaN hits nothing", "[trainer]") {
  TemporaryDirectory directory;
  Config config = run_of(directory, "run");
  config.optim.on_nan = "skip";
  config.optim.lr = 1e38;
  config.optim.epochs = 2;
  Silent silent;
  fs::path path = run(config, silent).run;
  auto losses = column_of_summary(path, "train_loss");
  REQUIRE(losses.size() == 2);
  CHECK(std::stod(losses[0]) == Approx(std::log(10)).margin(0.5));  // of the one step before all is lost
  CHECK(losses[1].find("nan") != std::string::npos);
  CHECK(column_of_summary(path, "eval_top1")[1] == "0.00");
}

TEST_CASE("a run that goes on with other arithmetic says so", "[trainer]") {
  TemporaryDirectory directory;
  Config config = run_of(directory, "run");
  Silent stops, same, other;
  stops.stop_after = 3;
  config.resume = run(config, stops).run;
  same.stop_after = 3;
  run(config, same);
  CHECK(same.notes.empty());
  std::string usual = cpu_arithmetic();
  setenv("STINT_WINOGRAD", "off", 1);
  bool differs = cpu_arithmetic() != usual;
  run(config, other);
  unsetenv("STINT_WINOGRAD");
  CHECK(other.notes.empty() == !differs);
  if (!differs) return;  // without oneDNN there is one way only
  REQUIRE(other.notes.size() == 1);
  CHECK_THAT(other.notes[0], Catch::Contains("not bit-exact: arithmetic was") && Catch::Contains("winograd off"));
}

TEST_CASE("the newest checkpoints are kept, and the best one", "[trainer]") {
  TemporaryDirectory directory;
  Config config = run_of(directory, "run");
  config.optim.epochs = 6;
  config.log.checkpoint_hist = 3;
  Silent silent;
  fs::path path = run(config, silent).run;
  std::vector<std::string> names = steps_in(path);
  std::string best = fs::read_symlink(path / "checkpoints/best");
  CHECK(fs::read_symlink(path / "checkpoints/last") == "step-0000000042");
  for (const char* name : {"step-0000000028", "step-0000000035", "step-0000000042"}) {
    CHECK(std::count(names.begin(), names.end(), name) == 1);
  }
  CHECK(std::count(names.begin(), names.end(), best) == 1);
  CHECK(names.size() <= 4);
}

TEST_CASE("the average is resumed, evaluated and saved, and cannot appear from nowhere", "[trainer]") {
  TemporaryDirectory directory;
  Config config = run_of(directory, "run");
  Silent silent;
  auto outcome = run(config, silent);
  CHECK(read_file(outcome.run / "checkpoints/last/model.safetensors") !=
        read_file(outcome.run / "checkpoints/last/ema.safetensors"));
  Config plain = run_of(directory, "plain");
  plain.optim.model_ema = false;
  Silent other;
  auto without = run(plain, other);
  CHECK(read_file(outcome.run / "checkpoints/last/model.safetensors") ==
        read_file(without.run / "checkpoints/last/model.safetensors"));
  CHECK_FALSE(fs::exists(without.run / "checkpoints/last/ema.safetensors"));
  config.resume = without.run;
  CHECK_THROWS_WITH(run(config, silent), Catch::Contains("has no average of the weights: leave out --model-ema"));
}
