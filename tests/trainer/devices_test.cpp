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

/// The ledger's sum against the allocator's figure, before backward and after it.
void check_ledger(const Config& config, Device device) {
  DataSet data = load_dataset(config);
  Loader loader = Loader::shuffled(data.train, config.data.batch_size, 1);
  Training training(config, data.train, loader.batches(), device);
  Batch batch = loader.batch(0, 0, device);
  auto saved = [&] { return allocator_of(device).stats().requested[Purpose::saved]; };
  CHECK(saved() == 0);
  Tape tape(Tape::Mode::training, training.dropping().policy_of(0));
  Value loss = training.loss(tape, batch);
  tape.settle();
  std::size_t held = 0, dropped = 0;
  for (const LedgerRow& row : tape.ledger()) {
    held += row.held_bytes;
    dropped += row.policy == "drop";
  }
  CHECK(saved() == held);
  CHECK(held > 0);
  CHECK((dropped > 0) == !config.memory.drop.empty());
  tape.backward(loss);
  CHECK(saved() == 0);
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

TEST_CASE("what a step holds is on every device what its ledger says, to the byte", "[trainer]") {
  Device device = GENERATE(from_range(devices()));
  Config net;
  net.model.name = "resnet20";
  Config vit = net;
  vit.model.name = "vit_tiny_patch16_224";
  vit.model.kwargs = {{"patch", "4"}, {"dim", "32"}, {"depth", "2"}, {"heads", "2"}};
  for (Config config : {net, vit}) {
    config.device = device.name();
    config.data.batch_size = 4;
    for (const char* amp : {"", "bf16"}) {
      for (const char* drop : {"", "mink:gamma=0.9", "sampled:gamma=0.8,index=int32", "random:gamma=0.5"}) {
        INFO(config.model.name << " on " << device.name() << " " << amp << " " << drop);
        config.amp = amp;
        config.memory.drop = drop;
        check_ledger(config, device);
      }
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
