#include <stint/tools/trainer/train.h>

#include <catch2/catch.hpp>

#include "../op_case_tensors.h"
#include "../temporary_directory.h"

using namespace stint;
using namespace stint::test;

namespace {

/// The step on one device; the first batches of the digits, the same everywhere.
std::vector<double> losses(Config config, Device device, int steps) {
  config.device = device.name();
  DataSet data = load_dataset(config);
  Loader loader = Loader::shuffled(data.train, config.data.batch_size, 1);
  Training training(config, data.train, loader.batches(), device);
  std::vector<double> all;
  for (int i = 0; i < steps; ++i) all.push_back(training.step(loader.batch(0, i, device)).loss);
  return all;
}

struct Stopping : TrainingObserver {
  std::atomic<int> stop = 0;
  int left;

  explicit Stopping(int steps) : left(steps) {}
  void started(const RunDirectory&, Training&, const std::vector<std::string>&) override {}
  void stepped(const TrainingMoment&) override {
    if (--left == 0) stop = 15;
  }
  void epoch_done(const EpochSummary&, std::int64_t) override {}
};

}  // namespace

TEST_CASE("a ResNet's first losses are the CPU's on every device", "[trainer]") {
  Config config;
  config.model.name = "resnet20";
  config.data.batch_size = 12;
  config.optim.lr = 0.05;
  config.optim.clip_grad = 5;
  for (const char* amp : {"", "bf16"}) {
    config.amp = amp;
    auto expected = losses(config, Device::cpu(), 3);
    auto got = losses(config, devices().back(), 3);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      CHECK(got[i] == Approx(expected[i]).epsilon(config.amp.empty() ? 1e-3 : 5e-2));
    }
  }
}

TEST_CASE("a checkpoint moves between devices", "[trainer]") {
  TemporaryDirectory directory;
  Config config;
  config.model.name = "mlp";
  config.model.kwargs = {{"hidden", "16"}};
  config.optim.epochs = 1;
  config.data.batch_size = 400;
  config.log.output = directory.path();
  int runs = 0;
  for (auto [from, to] : {std::pair(Device::cpu(), devices().back()), std::pair(devices().back(), Device::cpu())}) {
    config.log.experiment = "run-" + std::to_string(++runs);
    config.resume = "";
    config.device = from.name();
    Stopping first(1);
    auto stopped = train(config, first, first.stop);
    REQUIRE(stopped.stopped);
    config.device = to.name();
    config.resume = stopped.run;
    Stopping rest(-1);
    auto resumed = train(config, rest, rest.stop);
    CHECK(resumed.run == stopped.run);
    CHECK_FALSE(resumed.stopped);
    CHECK(resumed.top1 > 0);
  }
}
