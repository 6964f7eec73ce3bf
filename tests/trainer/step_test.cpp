#include <stint/runtime/error.h>
#include <stint/tools/trainer/plan.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "../op_case_tensors.h"

using namespace stint;
using namespace stint::test;

namespace {

Config small(const std::string& model = "mlp") {
  Config config;
  config.model.name = model;
  config.data.batch_size = 32;
  config.optim.lr = 0.05;
  return config;
}

/// The parameters after `steps` steps on the digits' first batches, `batches` of them a step.
Reals parameters_after(const Config& config, int steps) {
  DataSet data = load_dataset(config);
  Loader loader(data.train, training_options(config, data.train));
  Training training(config, data.train, loader.batches(), Device::cpu());
  int next = 0;
  for (int i = 0; i < steps; ++i) {
    for (std::int64_t k = 0; k < training.accumulations(); ++k)
      training.accumulate(loader.batch(0, next++, Device::cpu()));
    training.update();
  }
  return to_reals(training.state().parameters());
}

double distance(const Reals& a, const Reals& b) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    norm += b[i] * b[i];
  }
  return std::sqrt(difference / norm);
}

}  // namespace

TEST_CASE("gradients of several batches are those of one batch of all", "[trainer]") {
  Config whole = small(), parts = small();
  parts.data.batch_size = 8;
  parts.optim.grad_accum_steps = 4;
  CHECK(distance(parameters_after(parts, 5), parameters_after(whole, 5)) < 1e-5);
  parts.optim.grad_accum_steps = 3;
  CHECK(distance(parameters_after(parts, 5), parameters_after(whole, 5)) > 1e-4);
}

TEST_CASE("weight decay leaves norms and biases alone when asked", "[trainer]") {
  Config config = small("resnet20");
  for (const char* exclude : {"", "norm-bias"}) {
    config.optim.decay_exclude = exclude;
    DataSet data = load_dataset(config);
    Training training(config, data.train, 1, Device::cpu());
    int decayed = 0, spared = 0;
    for (const Block& block : training.state().parameter_table().blocks()) {
      (block.decay ? decayed : spared) += 1;
      if (*exclude) CHECK(block.decay == (block.shape.rank() > 1));
    }
    CHECK((spared > 0) == (*exclude != 0));
    CHECK(decayed > 0);
  }
}

TEST_CASE("the learning rate is scaled for the weights that are named, and for no others", "[trainer]") {
  for (const char* opt : {"sgd", "adamw"}) {
    INFO(opt);
    Config config = small();
    config.optim.opt = opt;
    config.optim.weight_decay = 0;
    DataSet data = load_dataset(config);
    auto moved = [&](const std::string& factor) {
      Config scaled = config;
      if (!factor.empty()) scaled.optim.lr_scale = {{"fc1", factor}};
      Loader loader(data.train, training_options(scaled, data.train));
      Training training(scaled, data.train, loader.batches(), Device::cpu());
      Reals before = to_reals(training.state().parameters());
      training.step(loader.batch(0, 0, Device::cpu()));
      Reals after = to_reals(training.state().parameters());
      std::map<std::string, Reals> moves;
      for (const Block& block : training.state().parameter_table().blocks()) {
        for (std::int64_t i = block.offset; i < block.offset + block.count; ++i) {
          moves[block.name].push_back(after[i] - before[i]);
        }
      }
      return moves;
    };
    auto plain = moved(""), same = moved("1"), scaled = moved("0.25");
    CHECK(same == plain);
    CHECK(scaled.at("fc2.weight") == plain.at("fc2.weight"));
    for (std::size_t i = 0; i < plain.at("fc1.weight").size(); ++i) {
      CHECK(scaled.at("fc1.weight")[i] == Approx(0.25 * plain.at("fc1.weight")[i]).margin(1e-6));
    }
    CHECK_THROWS_WITH(moved("x"), Catch::Contains("optim.lr_scale: fc1 is 'x'"));
  }
  Config wrong = small();
  wrong.optim.lr_scale = {{"fc", "2"}};
  DataSet data = load_dataset(wrong);
  CHECK_THROWS_WITH(Training(wrong, data.train, 1, Device::cpu()), Catch::Contains("no weights that begin with 'fc'"));
}

TEST_CASE("a mixed batch's loss is the weighted sum of both labels' losses", "[trainer]") {
  Config config = small();
  config.data.mixup = 0.5;
  DataSet data = load_dataset(config);
  Loader loader(data.train, training_options(config, data.train));
  Training training(config, data.train, 1, Device::cpu());
  Batch batch = loader.batch(0, 0, Device::cpu());
  REQUIRE(batch.weight > 0);
  REQUIRE(batch.weight < 1);
  auto loss = [&](const Batch& b) {
    Tape tape;
    RandomState random;
    tape.random = &random;
    return scalar_of(training.loss(tape, b).tensor());
  };
  Batch first{batch.images, batch.labels}, second{batch.images, batch.other_labels};
  CHECK(loss(batch) == Approx(batch.weight * loss(first) + (1 - batch.weight) * loss(second)).epsilon(1e-5));
}

TEST_CASE("the plan of a mixed, averaged, accumulated step is the run's to the byte", "[trainer]") {
  Config config = small("resnet20");
  config.data.cutmix = 1;
  config.optim.model_ema = true;
  config.optim.grad_accum_steps = 2;
  config.optim.clip_grad = 1;
  DataSet data = load_dataset(config);
  StepPlan plan = plan_step(config, data.train);
  PurposeBytes others = allocator_of(Device::cpu()).stats().requested;
  Loader loader(data.train, training_options(config, data.train));
  Training training(config, data.train, loader.batches(), Device::cpu());
  for (int i = 0; i < 3; ++i) training.step(loader.batch(0, i, Device::cpu()));
  CHECK(plan.memory.peak.total() == training.memory().peak.total() - others.total());
}

TEST_CASE("a loss that is not finite names the step and where it came from", "[trainer]") {
  Config config = small("resnet20");
  DataSet data = load_dataset(config);
  Loader loader(data.train, training_options(config, data.train));
  auto error_after = [&](auto spoil) {
    Training training(config, data.train, loader.batches(), Device::cpu());
    training.step(loader.batch(0, 0, Device::cpu()));
    Batch batch = loader.batch(0, 1, Device::cpu());
    spoil(training, batch);
    try {
      training.step(batch);
      return std::string("no error");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::diverged);
      return std::string(error.what());
    }
  };
  CHECK_THAT(error_after([](Training&, Batch& batch) { batch.images.data<float>()[5] = NAN; }),
             Catch::Contains("the loss is not a number at step 1: the images of the batch are not finite"));
  CHECK_THAT(error_after([](Training& training, Batch&) {
               const Block& block = *training.state().parameter_table().find("layer2.0.conv1.weight");
               training.state().parameters().data<float>()[block.offset] = INFINITY;
             }),
             Catch::Contains("the weights layer2.0.conv1.weight are not finite since the last update"));
  CHECK_THAT(error_after([](Training& training, Batch&) {
               const Block& block = *training.state().parameter_table().find("layer2.0.bn1.weight");
               training.state().parameters().data<float>()[block.offset] = 3e38f;
             }),
             Catch::Contains("the first operator to make one is ") && Catch::Contains("layer2.0"));
}

TEST_CASE("a step that is not finite is skipped when asked, and leaves no trace", "[trainer]") {
  Config config = small("resnet20");
  config.optim.on_nan = "skip";
  config.optim.model_ema = true;
  DataSet data = load_dataset(config);
  Loader loader(data.train, training_options(config, data.train));
  Training training(config, data.train, loader.batches(), Device::cpu());
  training.step(loader.batch(0, 0, Device::cpu()));
  Reals parameters = to_reals(training.state().parameters()), buffers = to_reals(training.state().buffers());
  Batch bad = loader.batch(0, 1, Device::cpu());
  bad.images.data<float>()[5] = NAN;
  StepResult result = training.step(bad);
  CHECK(result.skipped);
  CHECK(training.steps() == 2);
  CHECK(to_reals(training.state().parameters()) == parameters);
  CHECK(to_reals(training.state().buffers()) == buffers);
  CHECK_FALSE(training.step(loader.batch(0, 2, Device::cpu())).skipped);
  CHECK(to_reals(training.state().parameters()) != parameters);
}
