// An evaluation keeps what it made of the weights: the next one must not see them.

#include <stint/kernels/vector/vector.h>
#include <stint/layers/state_dict.h>
#include <stint/tools/trainer/training.h>

#include <catch2/catch.hpp>
#include <functional>

using namespace stint;
using namespace stint::test;

namespace {

Config small(const std::string& amp) {
  Config config;
  config.model.name = "resnet20";
  config.data.batch_size = 32;
  config.amp = amp;
  return config;
}

struct Trained {
  explicit Trained(const Config& config)
      : data(load_dataset(config)),
        train(data.train, training_options(config, data.train)),
        test(data.test, test_options(config)),
        training(config, data.train, train.batches(), Device::cpu()) {}

  double loss() { return training.evaluate(test).loss; }
  void step(int number) {
    training.accumulate(train.batch(0, number, Device::cpu()));
    training.update();
  }
  void become(Trained& other) {
    training.state().parameters().copy_from(other.training.state().parameters());
    training.state().buffers().copy_from(other.training.state().buffers());
    training.state().refresh_twin();
    auto from = other.training.optimiser().state(), to = training.optimiser().state();
    for (std::size_t i = 0; i < to.size(); ++i) to[i].tensor.copy_from(from[i].tensor);
    training.set_steps(other.training.steps());
  }

  DataSet data;
  Loader train, test;
  Training training;
};

}  // namespace

TEST_CASE("an evaluation is of the weights as they are", "[trainer]") {
  Config config = small(GENERATE(as<std::string>{}, "", "bf16"));
  Trained model(config);
  Config another = config;
  another.seed = 7;
  auto changes = std::vector<std::function<void()>>{
      [&] { model.step(0); },
      [&] { load_state_dict(model.training.state(), state_dict(Trained(another).training.state())); },
      [&] {
        scale(0.5f, model.training.state().parameters());
        model.training.state().refresh_twin();
      }};
  for (const auto& change : changes) {
    double before = model.loss();
    change();
    double after = model.loss();
    CHECK(after != before);
    Trained fresh(config);  // that has evaluated nothing yet
    fresh.become(model);
    CHECK(after == fresh.loss());
  }
}
