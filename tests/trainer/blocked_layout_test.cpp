#include <stint/runtime/profile.h>
#include <stint/tools/trainer/training.h>

#include <algorithm>
#include <catch2/catch.hpp>

using namespace stint;

namespace {

/// Copies of activations from one packing to another in a training step on the CPU.
std::int64_t reorders(const std::string& model, const std::map<std::string, std::string>& kwargs,
                      const std::string& amp) {
  Config config;
  config.data.dataset = "synthetic";
  config.data.image_size = 32;
  config.data.batch_size = 2;
  config.model.name = model;
  config.model.kwargs = kwargs;
  config.amp = amp;
  DataSet data = load_dataset(config);
  Loader loader(data.train, training_options(config, data.train));
  Training training(config, data.train, loader.batches(), Device::cpu());
  Profiler::start();
  training.step(loader.batch(0, 0, Device::cpu()));
  auto events = Profiler::stop();
  return std::count_if(events.begin(), events.end(), [](const auto& event) { return event.name == "reorder"; });
}

}  // namespace

// From the stem, which makes blocks of plain pixels, to the head's global pool, forward and backward.
TEST_CASE("the blocked layout goes from layer to layer without a reorder", "[trainer]") {
  auto amp = GENERATE(as<std::string>{}, "", "bf16");
  CAPTURE(amp);
  CHECK(reorders("resnet18", {{"stem", "cifar"}}, amp) == 0);
  CHECK(reorders("resnet18", {}, amp) == 0);  // with its max-pool
  CHECK(reorders("resnet20", {}, amp) == 0);
  CHECK(reorders("preact_resnet18", {}, amp) == 0);
  CHECK(reorders("vgg16_bn", {{"head", "cifar"}}, amp) == 0);
}

TEST_CASE("a flatten takes an activation out of the blocked layout, and its gradient back", "[trainer]") {
  CHECK(reorders("lenet5", {}, "") == 2);
}
