#include <stint/kernels/vector/vector.h>
#include <stint/tools/trainer/files.h>
#include <stint/tools/trainer/plan.h>
#include <stint/tools/trainer/probe.h>
#include <stint/tools/trainer/train.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "../op_case_tensors.h"
#include "../temporary_directory.h"

using namespace stint;
using namespace stint::test;

namespace {

Config small_net(Device device) {
  Config config;
  config.device = device.name();
  config.model.name = "resnet20";
  config.data.batch_size = 4;
  config.optim.lr = 0.05;
  return config;
}

/// Loss and flat gradients of one step, by block.
struct Gradients {
  float loss;
  std::map<std::string, std::vector<float>> blocks;

  explicit Gradients(const Config& config) {
    DataSet data = load_dataset(config);
    Loader loader = Loader::shuffled(data.train, config.data.batch_size, 1);
    Device device = Device::parse(config.device);
    Training training(config, data.train, loader.batches(), device);
    Tape tape(Tape::Mode::training, training.dropping().policy_of(0));
    Batch batch = loader.batch(0, 0, device);
    Value value = training.loss(tape, batch);
    loss = scalar_of(value.tensor());
    tape.backward(value);
    Tensor flat = training.state().gradients().copy_to(Device::cpu());
    for (const stint::Block& block : training.state().parameter_table().blocks()) {
      auto part = flat.span<float>().subspan(block.offset, block.count);
      blocks[block.name].assign(part.begin(), part.end());
    }
  }
};

/// Names of the blocks whose gradients are not the same to the bit.
std::vector<std::string> changed(const Gradients& a, const Gradients& b) {
  std::vector<std::string> names;
  for (const auto& [name, values] : a.blocks) {
    const auto& others = b.blocks.at(name);
    bool same = std::memcmp(values.data(), others.data(), values.size() * sizeof(float)) == 0;
    if (!same) names.push_back(name);
  }
  return names;
}

bool is_convolution(const std::string& name) {
  return name.ends_with(".weight") &&
         (name.find("conv") != std::string::npos || name.find("downsample.0") != std::string::npos);
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

std::string weights_of(const Config& config, int stop_after = -1) {
  Stopping whole(stop_after);
  auto outcome = train(config, whole, whole.stop);
  return read_file(outcome.run / "checkpoints/last/model.safetensors");
}

}  // namespace

TEST_CASE("a ResNet's step with dropping differs in the weight gradients of chosen layers alone", "[trainer]") {
  Config config = small_net(devices().back());
  for (const char* amp : {"", "bf16"}) {
    config.amp = amp;
    config.memory = {};
    Gradients dense(config);
    for (const char* drop : {"mink:gamma=0.9,layers=conv", "sampled:gamma=0.9,exclude=stem+head"}) {
      INFO(amp << " " << drop);
      config.memory.drop = drop;
      Gradients dropped(config);
      CHECK(dense.loss == dropped.loss);
      auto names = changed(dense, dropped);
      CHECK(names.size() > 15);
      for (const std::string& name : names) CHECK(is_convolution(name));
      bool stem = std::find(names.begin(), names.end(), "conv1.weight") != names.end();
      bool whole = config.amp.empty() || config.memory.drop.find("stem") != std::string::npos;
      CHECK(stem != whole);  // the batch's images are held outside; what they are cast to is not
    }
    config.memory.drop = "mink:gamma=0";
    CHECK(changed(dense, Gradients(config)).empty());
    config.memory.drop = "mink:gamma=0.9,layers=conv+linear";
    config.memory.drop_layers = {{"layer1", "0"}, {"layer2", "0"}, {"fc", "0.5"}};
    for (const std::string& name : changed(dense, Gradients(config))) {
      CHECK((name.starts_with("layer3") || name == "fc.weight" || (name == "conv1.weight" && !config.amp.empty())));
    }
  }
}

TEST_CASE("a dropping run that was stopped and resumed has the bits of an uninterrupted one", "[trainer]") {
  TemporaryDirectory directory;
  Config config = small_net(devices().front());
  config.model.name = "mlp";
  config.model.kwargs = {{"hidden", "32"}, {"dropout", "0.2"}};
  config.optim.epochs = 2;
  config.data.batch_size = 400;
  config.log.output = directory.path();
  for (std::string drop : {"random:gamma=0.5/0.9@1", "mink:gamma=0.9"}) {
    config.memory.drop = drop;
    config.amp = drop.starts_with("mink") ? "bf16" : "";
    config.resume = "";
    config.log.experiment = drop.substr(0, 4) + "-whole";
    std::string whole = weights_of(config);
    config.memory.probe_every = 2;
    config.log.experiment = drop.substr(0, 4) + "-cut";
    weights_of(config, 4);
    config.resume = directory.path().string() + "/" + config.log.experiment;
    std::filesystem::path probes = config.resume + "/probes.jsonl";
    std::ofstream(probes, std::ios::app) << R"({"step":4,"layer":"probed by a run that was killed"})"
                                         << "\n";
    CHECK(weights_of(config) == whole);  // and a probe changes nothing
    std::istringstream lines(read_file(probes));
    std::string line;
    std::set<std::pair<int, std::string>> seen;
    for (; std::getline(lines, line);) {
      auto json = nlohmann::json::parse(line);
      CHECK(seen.emplace(json["step"], json["layer"]).second);
      CHECK(json["kept"] <= json["capacity"]);
      CHECK(json["kept_energy"] > 0);
      CHECK(json["cosine"] > 0.1);
      CHECK(json["relative_error"] < 3);
    }
    CHECK(seen.size() > 2);
  }
}

TEST_CASE("of nested layers the longest path's gamma holds", "[trainer]") {
  Config config = small_net(Device::cpu());
  config.memory.drop = "mink:gamma=0.9";
  config.memory.drop_layers = {{"layer2", "0.5"}, {"layer2.1", "0.7"}, {"layer2.1.conv2", "0.8"}};
  DataSet data = load_dataset(config);
  std::map<std::string, std::string> encodings;
  for (const LedgerRow& row : plan_step(config, data.train).ledger) {
    if (row.slot.op == "conv2d" && row.slot.index == 0) encodings[row.slot.layer] = row.encoding;
  }
  CHECK(encodings["layer1.2.conv2"] == "mink 0.9 bitmask");
  CHECK(encodings["layer2.0.conv2"] == "mink 0.5 bitmask");
  CHECK(encodings["layer2.1.conv1"] == "mink 0.7 bitmask");
  CHECK(encodings["layer2.1.conv2"] == "mink 0.8 bitmask");
}

TEST_CASE("a probe says the more is dropped, the less is left, and changes nothing", "[trainer]") {
  Config config = small_net(devices().front());
  config.memory.drop = "mink:gamma=0.5/0.7@1/0.99@2";
  DataSet data = load_dataset(config);
  Loader loader = Loader::shuffled(data.train, config.data.batch_size, 1);
  Training training(config, data.train, loader.batches(), Device::parse(config.device));
  Batch batch = loader.batch(0, 0, training.device());
  std::map<std::string, LayerProbe> before;
  for (int epoch = 0; epoch < 3; ++epoch) {
    training.set_steps(epoch * loader.batches());
    Tensor buffers = training.state().buffers().copy_to(Device::cpu());
    std::vector<LayerProbe> rows = probe(training, batch);
    CHECK(same_bits(training.state().buffers().copy_to(Device::cpu()), buffers));
    CHECK(rows.size() > 15);
    for (const LayerProbe& row : rows) {
      INFO(row.layer << ", gamma " << row.input.gamma);
      CHECK(row.cosine <= 1.000001);
      double left = row.cosine * row.cosine;  // of the exact gradient, at the best length
      CHECK(row.relative_error * row.relative_error >= 1 - left - 1e-6);
      if (auto last = before.find(row.layer); last != before.end()) {
        CHECK(row.input.kept_energy < last->second.input.kept_energy);
        CHECK(row.cosine < last->second.cosine);
        CHECK(row.relative_error > last->second.relative_error);
      }
      before[row.layer] = row;
    }
  }
}

TEST_CASE("what is to be dropped must be there", "[trainer]") {
  Config config = small_net(Device::cpu());
  DataSet data = load_dataset(config);
  auto make = [&] { Training(config, data.train, 1, Device::null()); };
  config.memory.drop_layers = {{"layer1", "0.5"}};
  CHECK_THROWS_WITH(make(), "memory.drop_layers: expected --drop beside it");
  config.memory.drop = "mink";
  CHECK_NOTHROW(make());
  config.memory.drop_layers = {{"layer7", "0.5"}};
  CHECK_THROWS_WITH(make(), Catch::Contains("the model has no layer 'layer7': did you mean 'layer1'?"));
  config.memory.drop_layers = {{"layer1", "2"}};
  CHECK_THROWS_WITH(make(), "memory.drop_layers: layer1 is '2', expected a number from 0 to below 1");
  config.memory.drop_layers = {};
  config.memory.drop = "mink:exclude=stem+neck";
  CHECK_THROWS_WITH(make(), Catch::Contains("memory.drop: the model has no layer 'neck'"));
  config.memory.drop = "mink:exclude=steam";
  CHECK_THROWS_WITH(make(), Catch::EndsWith("the model has no layer 'steam': did you mean 'stem'?"));
  config.memory.drop = "";
  config.memory.probe_every = 5;
  CHECK_THROWS_WITH(make(), "memory.probe_every: expected --drop beside it");
}

namespace {

/// Which inputs of layers with weights are not dropped.
std::set<std::string> whole(Config config, const std::string& drop) {
  config.memory.drop = drop;
  std::set<std::string> layers;
  for (const LedgerRow& row : plan_step(config, load_dataset(config).train).ledger) {
    bool weights = (row.slot.op == "conv2d" || row.slot.op == "linear") && row.slot.index == 0;
    if (weights && row.encoding == "dense" && row.slot.fidelity != Fidelity::exact) layers.insert(row.slot.layer);
  }
  return layers;
}

}  // namespace

TEST_CASE("a part of a model is chosen by the name before its layers' names", "[trainer]") {
  Config vit;
  vit.data.dataset = "synthetic";
  vit.data.image_size = 16;
  vit.data.batch_size = 4;
  vit.model.name = "vit_tiny_patch16_224";
  vit.model.kwargs = {{"patch", "4"}, {"dim", "32"}, {"depth", "2"}, {"heads", "2"}};
  std::set<std::string> none = whole(vit, "mink"), attention = whole(vit, "mink:exclude=blocks.1.attn"),
                        blocks = whole(vit, "mink:exclude=blocks");
  CHECK(attention.size() == none.size() + 2);  // qkv and proj
  CHECK(attention.count("blocks.1.attn.qkv") == 1);
  CHECK(blocks.size() == none.size() + 2 * 4);
}

TEST_CASE("a part of the model named stem goes before the word for its first layer", "[trainer]") {
  Config config;
  config.data.dataset = "synthetic";
  config.data.image_size = 8;
  config.data.batch_size = 4;
  TemporaryDirectory directory;
  config.model.name = (directory.path() / "net.yaml").string();
  std::ofstream(config.model.name) << "layers:\n"
                                      "  - {name: stem.a, kind: conv, kernel: 3, out: 8}\n"
                                      "  - {name: r, kind: relu}\n"
                                      "  - {name: stem.b, kind: conv, kernel: 3, out: 8}\n"
                                      "  - {name: p, kind: global_pool}\n"
                                      "  - {name: fc, kind: linear, out: $classes}\n";
  std::set<std::string> none = whole(config, "mink"), stem = whole(config, "mink:exclude=stem");
  CHECK(none.count("stem.b") == 0);
  CHECK(stem.count("stem.b") == 1);
}

namespace {

/// The error of a step that has so many mebibytes beside its parameters.
std::string error_with(int mebibytes, const std::string& drop, bool probed = false) {
  Config config = small_net(Device::cpu());
  config.data.batch_size = 256;
  config.memory.drop = drop;
  DataSet data = load_dataset(config);
  Loader loader = Loader::shuffled(data.train, 256, 1);
  Training training(config, data.train, loader.batches(), Device::null());
  Allocator& allocator = allocator_of(Device::null());
  allocator.set_limit(allocator.stats().requested.total() + (std::size_t(mebibytes) << 20));
  std::string text = "it fitted";
  try {
    Batch batch = loader.batch(0, 0, Device::null());
    if (probed) {
      probe(training, batch);
    } else {
      training.step(batch);
    }
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::memory);
    text = error.what();
  }
  allocator.set_limit(0);
  return text;
}

}  // namespace

TEST_CASE("a step that runs out of memory says what it held and what would help", "[trainer]") {
  CHECK_THAT(error_with(20, ""),
             Catch::Contains("saved tensors: bn1 batch_norm 0 [256,8,8,16] dense 1.0 MiB; ") &&
                 Catch::Contains("\na smaller --batch-size may help, or --drop mink:gamma=0.9, which holds"));
}

TEST_CASE("a step that drops already is not told to drop when it runs out of memory", "[trainer]") {
  CHECK_THAT(error_with(16, "mink:gamma=0.5"),
             Catch::Contains("saved tensors: ") && !Catch::Contains("--drop mink") &&
                 Catch::Matches("(.|\n)*may help, or a larger gamma: --drop holds [0-9.]+ MiB of these"));
  CHECK_THAT(error_with(16, "mink:layers=linear"),
             Catch::Matches("(.|\n)*may help, or --drop of more layers: [0-9.]+ MiB could be dropped"));
  CHECK_THAT(error_with(3, "mink:gamma=0.5"), Catch::EndsWith("\na smaller --batch-size may help"));  // nothing yet
}

TEST_CASE("a probe that runs out of memory where the step does not says so", "[trainer]") {
  constexpr int enough = 22;  // for the step
  CHECK(error_with(enough, "mink:gamma=0.99") == "it fitted");
  CHECK_THAT(
      error_with(enough, "mink:gamma=0.99", true),
      Catch::StartsWith("probe: a step of all gradients does not fit, which --probe-every runs without --drop") &&
          Catch::Contains("saved tensors: ") && Catch::Contains("could be dropped"));
}

namespace {

/// Looks on at what a run notes of its steps.
struct Watching : Stopping {
  Training* training = nullptr;
  EpochSummary last;

  Watching() : Stopping(-1) {}
  void started(const RunDirectory&, Training& its, const std::vector<std::string>&) override { training = &its; }
  void stepped(const TrainingMoment& moment) override {
    CHECK(training->dropping().policy()->records().empty() == (moment.step < moment.steps));  // each of them waits
  }
  void epoch_done(const EpochSummary& summary, std::int64_t) override { last = summary; }
};

}  // namespace

TEST_CASE("the log of a run says what its last batches kept, tensor by tensor, and what memory is for", "[trainer]") {
  TemporaryDirectory directory;
  Config config = small_net(devices().back());
  config.model.name = "mlp";
  config.model.kwargs = {{"hidden", "32"}};
  config.data.batch_size = 150;
  config.optim.grad_accum_steps = 2;
  config.optim.epochs = 2;
  config.log.output = directory.path();
  for (const char* drop : {"mink:gamma=0.6/0.9@1", "random:gamma=0.6/0.9@1"}) {
    config.memory.drop = drop;
    config.log.experiment = std::string(drop, 4);
    Watching watching;
    auto run = train(config, watching, watching.stop).run;
    std::istringstream lines(read_file(run / "metrics.jsonl"));
    std::vector<double> gammas;
    for (std::string line; std::getline(lines, line);) {
      auto json = nlohmann::json::parse(line);
      CHECK(json["live_bytes"]["parameter"] > 0);
      CHECK(json["peak_bytes"]["saved"] > 0);
      CHECK(json["peak_bytes"]["total"] > json["live_bytes"]["total"]);
      if (!json.contains("eval_loss")) continue;
      REQUIRE(json["dropped"].size() == 2);
      CHECK(json["dropped"][0]["layers"][0] == "fc2");
      CHECK(json["dropped"][1]["layers"][0] == "head");
      for (const auto& row : json["dropped"]) {
        gammas.push_back(row["gamma"]);
        CHECK(row["capacity"] == drop_capacity(row["elements"], row["gamma"]));
        CHECK(row["kept"] <= row["capacity"]);
        CHECK(row["kept"] > 0.8 * row["capacity"].get<double>());
        if (config.log.experiment == "mink") CHECK(row["kept"] == row["capacity"]);
      }
    }
    CHECK(gammas == std::vector<double>{0.6, 0.6, 0.9, 0.9});
    CHECK(watching.last.dropped.size() == 2);
  }
}

TEST_CASE("random dropping draws other places in every batch of a step, and on every worker", "[trainer]") {
  Config config = small_net(devices().front());
  config.model.name = "mlp";
  config.memory.drop = "random:gamma=0.5";
  config.optim.grad_accum_steps = 2;
  DataSet data = load_dataset(config);
  Loader loader = Loader::shuffled(data.train, config.data.batch_size, 1);
  Device device = Device::parse(config.device);
  auto sums = [&](int worker) {  // of the gradients after one and after two times the same batch
    Training training(config, data.train, loader.batches(), device);
    training.dropping().policy()->set_worker(worker);
    std::vector<Tensor> after;
    for (int i = 0; i < 2; ++i) {
      training.accumulate(loader.batch(0, 0, device));
      after.push_back(training.state().gradients().copy_to(Device::cpu()));
    }
    scale(2, after[0]);
    return after;
  };
  auto first = sums(0), again = sums(0), other = sums(1);
  CHECK(same_bits(first[1], again[1]));
  CHECK_FALSE(same_bits(first[0], first[1]));
  CHECK_FALSE(same_bits(first[0], other[0]));
}
