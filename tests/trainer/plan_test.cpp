#include <stint/runtime/parallel.h>
#include <stint/tools/trainer/plan.h>
#include <stint/tools/trainer/probe.h>

#include <catch2/catch.hpp>

using namespace stint;

namespace {

Config config_of(const std::string& model, std::int64_t image_size, std::int64_t channels, std::int64_t batch) {
  Config config;
  config.device = "cpu";
  config.model.name = model;
  config.data.dataset = "synthetic";
  config.data.image_size = image_size;
  config.data.channels = channels;
  config.data.batch_size = batch;
  config.data.samples = 4 * batch;
  return config;
}

/// A plan and three real steps of the same configuration must agree to the byte.
void check_plan(const Config& config) {
  INFO(config.model.name << " " << config.optim.opt << " " << config.amp);
  DataSet data = load_dataset(config);
  StepPlan plan = plan_step(config, data.train);
  StepMemory run;
  PurposeBytes others = allocator_of(Device::cpu()).stats().requested;  // what other tests keep alive
  {
    Loader loader = Loader::shuffled(data.train, config.data.batch_size, 1);
    Training training(config, data.train, loader.batches(), Device::cpu());
    for (int i = 0; i < 3; ++i) {
      Batch batch = loader.batch(0, i, Device::cpu());
      if (probe_due(config, i)) probe(training, batch);
      training.step(batch);
    }
    run = training.memory();
  }
  for (int i = 0; i < purpose_count; ++i) {
    INFO(purpose_names[i]);
    CHECK(plan.memory.peak.bytes[i] == run.peak.bytes[i] - others.bytes[i]);
  }
  CHECK(plan.memory.peak.total() > 0);
  CHECK(plan.memory.saved_activations == run.saved_activations);
  std::size_t ledger = 0;
  for (const LedgerRow& row : plan.ledger) ledger += row.held_bytes;
  CHECK(ledger == run.saved_activations);
}

Config small_vgg(const std::string& name) {
  Config config = config_of(name, 32, 3, 4);
  config.model.kwargs = {{"width", "8"}, {"hidden", "32"}};
  return config;
}

Config small_vit() {
  Config config = config_of("vit_tiny_patch16_224", 16, 3, 4);
  config.model.kwargs = {{"patch", "4"}, {"dim", "32"}, {"depth", "2"}, {"heads", "2"}, {"drop_path", "0.1"}};
  config.optim.opt = "adamw";
  return config;
}

}  // namespace

TEST_CASE("plan and run agree on memory to the byte", "[trainer]") {
  Config resnet = config_of("resnet18", 16, 3, 4);
  resnet.model.kwargs["stem"] = "cifar";
  check_plan(resnet);
  check_plan(config_of("lenet5", 28, 1, 8));
  Config mlp = config_of("mlp", 8, 1, 16);
  mlp.optim.opt = "adamw";
  mlp.model.kwargs = {{"dropout", "0.5"}};
  check_plan(mlp);
  Config half = config_of("resnet20", 8, 3, 8);
  half.amp = "bf16";
  check_plan(half);
  check_plan(config_of("resnet50", 32, 3, 2));
}

TEST_CASE("plan and run agree on memory to the byte with dropping", "[trainer]") {
  Config resnet = config_of("resnet20", 16, 3, 8);
  for (const char* drop : {"mink:gamma=0.9", "sampled:gamma=0.9,index=int32", "nsigma:gamma=0.7,exclude=stem+head",
                           "random:gamma=0.99,layers=conv"}) {
    resnet.memory.drop = drop;
    check_plan(resnet);
  }
  resnet.amp = "bf16";
  resnet.memory.drop_layers = {{"layer1", "0.5"}, {"layer2.0.conv1", "0"}};
  check_plan(resnet);
  Config large = config_of("resnet18", 16, 3, 4);
  large.model.kwargs["stem"] = "cifar";
  large.memory.drop = "mink:gamma=0.9";
  check_plan(large);
}

TEST_CASE("plan and run agree on memory to the byte where probes run a dense step", "[trainer]") {
  Config config = config_of("resnet20", 16, 3, 8);
  config.memory.drop = "mink:gamma=0.9";
  std::size_t step = plan_step(config, load_dataset(config).train).memory.peak.total();
  config.memory.probe_every = 2;
  check_plan(config);
  CHECK(plan_step(config, load_dataset(config).train).memory.peak.total() > step);
}

TEST_CASE("plan and run of VGG and ViT agree on memory to the byte, dense and with dropping", "[trainer]") {
  for (Config config : {small_vgg("vgg11"), small_vgg("vgg11_bn"), small_vit()}) {
    for (const char* amp : {"", "bf16"}) {
      config.amp = amp;
      for (const char* drop : {"", "mink:gamma=0.9", "sampled:gamma=0.9,exclude=stem+head,index=int32"}) {
        INFO(drop);
        config.memory.drop = drop;
        check_plan(config);
      }
    }
  }
}

TEST_CASE("a plan is for the epoch in which least is dropped", "[trainer]") {
  Config config = config_of("resnet20", 16, 3, 8);
  config.optim.epochs = 9;
  auto saved = [&](const char* drop) {
    config.memory.drop = drop;
    return plan_step(config, load_dataset(config).train).memory.saved_activations;
  };
  CHECK(saved("mink:gamma=0.9/0.5@3/0.8@6") == saved("mink:gamma=0.5"));
  CHECK(saved("mink:gamma=0.9") < saved("mink:gamma=0.5"));
  CHECK(saved("mink:gamma=0.9/0.1@9") == saved("mink:gamma=0.9"));  // a tenth epoch that never comes
}

TEST_CASE("a plan's ledger is of the epoch in which most is held, which can be one that drops", "[trainer]") {
  Config config = config_of("resnet20", 16, 3, 8);
  config.memory.drop = "mink:gamma=0/0.01@1";  // 0.99 x 4 bytes and a bit are more than 4
  StepPlan plan = plan_step(config, load_dataset(config).train);
  std::size_t held = 0;
  for (const LedgerRow& row : plan.ledger) held += row.held_bytes;
  CHECK(held == plan.memory.saved_activations);
  config.memory.drop = "";
  CHECK(held > plan_step(config, load_dataset(config).train).memory.saved_activations);
}

TEST_CASE("ResNet-18 at gamma 0.9 holds at most 60 % of what it holds dense, and 0.53 bytes an element", "[trainer]") {
  Config config = config_of("resnet18", 32, 3, 16);
  config.model.kwargs["stem"] = "cifar";
  DataSet data = load_dataset(config);
  auto dense = static_cast<double>(plan_step(config, data.train).memory.saved_activations);
  config.memory.drop = "mink:gamma=0.9";
  for (const char* amp : {"", "bf16"}) {
    config.amp = amp;
    StepPlan plan = plan_step(config, data.train);
    double most = config.amp.empty() ? 0.53 : 0.33;
    if (config.amp.empty()) CHECK(static_cast<double>(plan.memory.saved_activations) <= 0.60 * dense);
    for (const LedgerRow& row : plan.ledger) {
      if (row.policy != "drop" || row.slot.spec.shape.count() < 10000) continue;
      CHECK(static_cast<double>(row.held_bytes) <= most * static_cast<double>(row.slot.spec.shape.count()));
    }
  }
}

TEST_CASE("at gamma 0.9 each network holds no more of its dense bytes than its arithmetic says", "[trainer]") {
  struct Case {
    const char* model;
    int image_size;
    double most;  // of the dense bytes
  };
  for (const Case& c : {Case{"vgg16", 224, 0.180}, Case{"vgg16_bn", 224, 0.663},
                        Case{"vit_tiny_patch16_224", 224, 0.63}, Case{"vgg16", 32, 0.19}, Case{"vgg16_bn", 32, 0.66}}) {
    INFO(c.model << " " << c.image_size);
    Config config = config_of(c.model, c.image_size, 3, 4);
    DataSet data = load_dataset(config);
    auto dense = static_cast<double>(plan_step(config, data.train).memory.saved_activations);
    config.memory.drop = "mink:gamma=0.9";
    CHECK(static_cast<double>(plan_step(config, data.train).memory.saved_activations) <= c.most * dense);
  }
}

TEST_CASE("plan counts parameters and arithmetic exactly", "[trainer]") {
  Config config = config_of("logistic", 8, 1, 16);
  StepPlan plan = plan_step(config, load_dataset(config).train);
  CHECK(plan.parameters == 64 * 10 + 10);
  CHECK(plan.flops == 2.0 * 16 * 64 * 10 * 2);  // forward and weight gradient; nothing flows to the images
}

TEST_CASE("a step that does not fit its budget is an error of kind memory", "[trainer]") {
  Config config = config_of("resnet20", 32, 3, 32);
  DataSet data = load_dataset(config);
  Loader loader = Loader::shuffled(data.train, 32, 1);
  Training training(config, data.train, loader.batches(), Device::cpu());
  Allocator& allocator = allocator_of(Device::cpu());
  allocator.set_limit(allocator.stats().requested.total() + (1 << 20));
  try {
    training.step(loader.batch(0, 0, Device::cpu()));
    FAIL("it fitted");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::memory);
  }
  allocator.set_limit(0);
}
