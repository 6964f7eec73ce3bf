#include <stint/layers/safetensors.h>
#include <stint/tools/trainer/files.h>
#include <stint/tools/trainer/train.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "../op_case_tensors.h"
#include "../temporary_directory.h"

using namespace stint;
using namespace stint::test;
namespace fs = std::filesystem;

namespace {

/// Asks for a stop after a number of steps.
struct Watcher : TrainingObserver {
  std::atomic<int> stop = 0;
  int stop_after = -1;
  int steps = 0;
  std::vector<std::string> notes;

  void started(const RunDirectory&, Training&, const std::vector<std::string>& text) override { notes = text; }
  void stepped(const TrainingMoment&) override {
    if (++steps == stop_after) stop = 15;
  }
  void epoch_done(const EpochSummary&, std::int64_t) override {}
};

Config small_run(const TemporaryDirectory& directory, const std::string& name) {
  Config config;
  config.device = devices().front().name();
  config.model.name = "mlp";
  config.model.kwargs = {{"hidden", "32"}, {"dropout", "0.2"}};
  config.optim.epochs = 2;
  config.optim.lr = 0.05;
  config.data.batch_size = 200;
  config.log.output = directory.path();
  config.log.experiment = name;
  return config;
}

std::string model_bytes(const fs::path& run) {
  return read_file(run / "checkpoints/last/model.safetensors") +
         read_file(run / "checkpoints/last/optimizer.safetensors");
}

TrainingOutcome train_whole(const Config& config) {
  Watcher watcher;
  return train(config, watcher, watcher.stop);
}

}  // namespace

TEST_CASE("a stopped and resumed run has the bits of an uninterrupted one", "[trainer]") {
  TemporaryDirectory directory;
  for (const char* opt : {"sgd", "adamw"}) {
    for (const char* amp : {"", "bf16"}) {
      Config config = small_run(directory, std::string("whole-") + opt + amp);
      config.optim.opt = opt;
      config.amp = amp;
      auto whole = train_whole(config);
      for (int stop_after : {1, 7, 9}) {  // 7 batches an epoch: in the first, at its end, in the second
        INFO(opt << " " << amp << ", stopped after step " << stop_after);
        Config cut = config;
        cut.log.experiment += "-cut-" + std::to_string(stop_after);
        Watcher watcher;
        watcher.stop_after = stop_after;
        auto stopped = train(cut, watcher, watcher.stop);
        CHECK(stopped.stopped);
        CHECK_THAT(read_file(stopped.run / "run.json"), Catch::Contains("\"status\": \"stopped\""));
        cut.resume = stopped.run;
        Watcher rest;
        auto resumed = train(cut, rest, rest.stop);
        CHECK(rest.notes.empty());
        CHECK(resumed.run == stopped.run);
        CHECK(resumed.top1 == whole.top1);
        CHECK(model_bytes(resumed.run) == model_bytes(whole.run));
      }
    }
  }
}

TEST_CASE("a run that was begun when its summary had fewer columns goes on", "[trainer]") {
  TemporaryDirectory directory;
  Config config = small_run(directory, "older");
  Watcher watcher;
  watcher.stop_after = 9;  // in the second epoch
  fs::path run = train(config, watcher, watcher.stop).run;
  std::string header = "epoch,train_loss,eval_loss,eval_top1,eval_top5,lr,time_s", row = "0,2.5,2.25,10,50,0.1,1";
  std::ofstream(run / "summary.csv") << header << "\n" << row << "\n";
  config.resume = run;
  Watcher rest;
  train(config, rest, rest.stop);
  std::istringstream lines(read_file(run / "summary.csv"));
  std::vector<std::string> rows;
  for (std::string line; std::getline(lines, line);) rows.push_back(line);
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].starts_with(header + ",peak_mem_bytes"));
  CHECK(rows[1].starts_with(row + ",0,0"));
  for (const std::string& line : rows) {
    CHECK(std::count(line.begin(), line.end(), ',') == std::count(rows[0].begin(), rows[0].end(), ','));
  }
}

TEST_CASE("a run directory is complete and never overwritten", "[trainer]") {
  TemporaryDirectory directory;
  Config config = small_run(directory, "once");
  auto outcome = train_whole(config);
  for (const char* file : {"args.yaml", "run.json", "summary.csv", "checkpoints/last/model.safetensors",
                           "checkpoints/last/state.json", "checkpoints/best/model.safetensors"}) {
    INFO(file);
    CHECK(fs::is_regular_file(outcome.run / file));
  }
  CHECK(nlohmann::json::parse(read_file(outcome.run / "run.json"))["status"] == "finished");
  std::string summary = read_file(outcome.run / "summary.csv");
  CHECK(
      summary.starts_with("epoch,train_loss,eval_loss,eval_top1,eval_top5,lr,time_s,peak_mem_bytes,saved_act_bytes,"
                          "wire_tx_bytes,wire_rx_bytes,sync_rounds,waited_s,worker_spread,compression_error,"
                          "tx_gradient_bytes,tx_parameter_bytes,tx_index_bytes,tx_buffer_bytes,tx_state_bytes,"
                          "tx_control_bytes,rx_gradient_bytes,rx_parameter_bytes,rx_index_bytes,rx_buffer_bytes,"
                          "rx_state_bytes,rx_control_bytes\n0,"));
  CHECK(std::count(summary.begin(), summary.end(), '\n') == 3);
  CHECK_THROWS_WITH(train_whole(config), Catch::Contains("never overwritten"));

  Config again;
  read_yaml(again, outcome.run / "args.yaml");
  CHECK(again == config);
}

TEST_CASE("two runs of one configuration are equal files", "[trainer]") {
  TemporaryDirectory directory;
  Config a = small_run(directory, "a"), b = small_run(directory, "b");
  CHECK(model_bytes(train_whole(a).run) == model_bytes(train_whole(b).run));
}

TEST_CASE("a loss that is not finite ends the run as diverged, with the status failed", "[trainer]") {
  TemporaryDirectory directory;
  Config config = small_run(directory, "diverged");
  config.optim.lr = 1e6;
  config.model.kwargs.clear();
  config.optim.epochs = 20;
  try {
    train_whole(config);
    FAIL("it converged");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::diverged);
  }
  CHECK(nlohmann::json::parse(read_file(directory.path() / "diverged/run.json"))["status"] == "failed");
}

TEST_CASE("a checkpoint of another model, or a damaged one, is refused", "[trainer]") {
  TemporaryDirectory directory;
  Config config = small_run(directory, "good");
  auto outcome = train_whole(config);
  Config other = config;
  other.model.kwargs["hidden"] = "16";
  other.resume = outcome.run;
  CHECK_THROWS_WITH(train_whole(other), Catch::Contains("fc1.weight: expected [16,64] f32, got [32,64] f32"));
  Config optimiser = config;
  optimiser.optim.opt = "adamw";
  optimiser.resume = outcome.run;
  CHECK_THROWS_WITH(train_whole(optimiser),
                    Catch::Contains("optimizer.safetensors is not of this model and optimiser"));
  config.resume = directory.path() / "nowhere";
  CHECK_THROWS_WITH(train_whole(config), Catch::Contains("nowhere is no run"));
}

TEST_CASE("the digits are the file that they came from", "[data]") {
  Config config;
  DataSet digits = load_dataset(config);
  CHECK(digits.train.count() == 1438);
  CHECK(digits.test.count() == 359);
  CHECK(digits.train.image_elements() == 64);
  // the first image, a zero, begins 0,0,5,13,9,1,0,0; the fifth is the first test image, a four
  CHECK(digits.train.labels[0] == 0);
  CHECK(std::vector<int>(digits.train.pixels.begin(), digits.train.pixels.begin() + 8) ==
        std::vector<int>{0, 0, 5, 13, 9, 1, 0, 0});
  CHECK(digits.test.labels[0] == 4);
  Loader loader = Loader::shuffled(digits.train, 1438, 3);
  Reals values = to_reals(loader.batch(0, 0, Device::cpu()).images);
  double sum = 0, square = 0;
  for (double value : values) {
    sum += value;
    square += value * value;
  }
  CHECK(sum / static_cast<double>(values.size()) == Approx(0).margin(1e-3));
  CHECK(square / static_cast<double>(values.size()) == Approx(1).epsilon(1e-3));
}

TEST_CASE("a batch is a function of seed, epoch and index, and an epoch shows every image once", "[data]") {
  Config config;
  DataSet digits = load_dataset(config);
  Loader loader = Loader::shuffled(digits.train, 100, 3), twin = Loader::shuffled(digits.train, 100, 3);
  Batch late = loader.batch(5, 3, Device::cpu());
  loader.batch(0, 0, Device::cpu());
  CHECK(same_bits(loader.batch(5, 3, Device::cpu()).images, late.images));
  CHECK(same_bits(twin.batch(5, 3, Device::cpu()).images, late.images));
  CHECK_FALSE(same_bits(twin.batch(6, 3, Device::cpu()).images, late.images));
  Loader all = Loader::shuffled(digits.train, 1438, 3);
  Reals first = to_reals(all.batch(0, 0, Device::cpu()).labels),
        second = to_reals(all.batch(1, 0, Device::cpu()).labels);
  CHECK(first != second);
  std::sort(first.begin(), first.end());
  std::sort(second.begin(), second.end());
  CHECK(first == second);
  CHECK(Loader::in_order(digits.test, 100).batch(0, 3, Device::cpu()).count() == 59);
  CHECK_THROWS_AS(Loader::shuffled(digits.train, 2000, 3), Error);
}
