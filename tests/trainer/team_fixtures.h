#pragma once

#include <stint/tools/trainer/files.h>
#include <stint/tools/trainer/train.h>

#include <sstream>

#include "../op_case_tensors.h"
#include "../temporary_directory.h"

/// Runs of several workers on the digits, small enough for every algorithm to have many.
namespace stint::test {

struct Watcher : TrainingObserver {
  std::atomic<int> stop = 0;
  int stop_after = -1;
  int steps = 0;

  void started(const RunDirectory&, Training&, const std::vector<std::string>&) override {}
  void stepped(const TrainingMoment&) override {
    if (++steps == stop_after) stop = 15;
  }
  void epoch_done(const EpochSummary&, std::int64_t) override {}
};

/// 2 epochs of 11 steps, 4 workers.
inline Config team_run(const TemporaryDirectory& directory, const std::string& name, const std::string& sync) {
  Config config;
  config.device = devices().front().name();
  config.model.name = "mlp";
  config.model.kwargs = {{"hidden", "32"}, {"dropout", "0.1"}};
  config.optim.epochs = 2;
  config.optim.lr = 0.05;
  config.optim.sched = "constant";
  config.data.batch_size = 32;
  config.sync.workers = 4;
  config.sync.algorithm = sync;
  config.log.output = directory.path();
  config.log.experiment = name;
  return config;
}

inline TrainingOutcome train_whole(const Config& config) {
  Watcher watcher;
  return train(config, watcher, watcher.stop);
}

inline std::string weights(const std::filesystem::path& run) {
  return read_file(run / "checkpoints/last/model.safetensors");
}

/// The numbers of the last line of summary.csv.
inline std::vector<double> last_line(const std::filesystem::path& run) {
  std::istringstream lines(read_file(run / "summary.csv"));
  std::string line, last;
  while (std::getline(lines, line)) last = line;
  std::istringstream fields(last);
  std::vector<double> values;
  for (std::string field; std::getline(fields, field, ',');) values.push_back(std::stod(field));
  return values;
}

/// All of them, with rounds of a few steps.
inline constexpr const char* algorithms[] = {
    "sync",           "local:period=3", "lb:period=3",   "crpsgd:growth=1.3",
    "easgd:period=3", "pipe",           "liec:period=4", "stl:period=3,stage=5",
    "vrl:period=3",   "cocod:period=3", "mem",           "doublesqueeze",
    "neolithic",      "cser:period=4"};

}  // namespace stint::test
