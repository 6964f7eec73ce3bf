#include <stint/kernels/softmax_cross_entropy/softmax_cross_entropy.h>
#include <stint/layers/optimiser.h>
#include <stint/layers/simple.h>
#include <stint/layers/state_dict.h>
#include <stint/models/model.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <numeric>

#include "../op_case_tensors.h"
#include "../temporary_directory.h"

using namespace stint;
using namespace stint::test;

namespace {

std::string shipped(const std::string& name) {
  return STINT_EXAMPLES "/models/" + name + ".yaml";
}

using Keywords = std::map<std::string, std::string>;

/// A network after three steps of SGD on fixed random images.
struct Trained {
  std::unique_ptr<Module> model;
  std::unique_ptr<ModelState> state;

  explicit Trained(const ModelSpec& spec)
      : model(make_model(spec)), state(std::make_unique<ModelState>(*model, Device::cpu(), DType::f32, 3)) {
    Shape shape = {4, spec.image_size, spec.image_size, spec.channels};
    Tensor images = to_tensor(random_reals(shape.count(), 5), {shape});
    Tensor classes = to_tensor({0, 1, 2, 1}, {{4}, DType::i32});
    SgdOptimiser optimiser(*state, {.momentum = 0.9f});
    for (int step = 0; step < 3; ++step) {
      Tape tape;
      Value loss = tape.apply(SoftmaxCrossEntropy{}, (*model)(tape, tape.constant(images)), tape.constant(classes));
      state->forget_gradients();
      tape.backward(loss);
      optimiser.apply(state->parameters(), state->gradients(), 0.05f);
    }
  }
};

void require_same_bits(const ModelSpec& defined, const ModelSpec& registered) {
  Trained a(defined), b(registered);
  auto left = state_dict(*a.state), right = state_dict(*b.state);
  REQUIRE(left.size() == right.size());
  std::map<std::string, Tensor> given;
  for (auto& [name, tensor] : right) given[name] = tensor;
  for (auto& [name, tensor] : left) {
    INFO(name);
    REQUIRE(given.contains(name));
    REQUIRE(same_bits(tensor, given.at(name)));
  }
}

/// What a definition of these lines is refused with, without the directory in front.
std::string refusal(const std::string& text, const ModelSpec& like = {"", {}, 3, 16, 10}) {
  TemporaryDirectory directory;
  ModelSpec spec = like;
  spec.name = directory.path() / "net.yaml";
  std::ofstream(spec.name) << text;
  try {
    make_model(spec);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::usage);
    std::string message = error.what();
    return message.substr(std::min(message.find("net.yaml"), message.size()));
  }
  return "accepted";
}

std::string with_layers(const std::string& lines) {
  return "layers:\n" + lines;
}

}  // namespace

TEST_CASE("a definition of a residual network trains to the same bits as the registered one", "[models]") {
  require_same_bits({shipped("resnet18"), {{"width", "4"}}, 3, 32, 3}, {"resnet18", {{"width", "4"}}, 3, 32, 3});
  require_same_bits({shipped("preact_resnet18"), {{"width", "3"}}, 3, 16, 3},
                    {"preact_resnet18", {{"width", "3"}}, 3, 16, 3});
}

TEST_CASE("definitions of a vision transformer and of vgg are the registered ones", "[models]") {
  Keywords vit = {{"patch", "8"}, {"dim", "24"}, {"depth", "2"}, {"heads", "3"}};
  Keywords defined = vit, registered = vit;
  defined["hidden"] = "48";
  registered["mlp_ratio"] = "2";
  require_same_bits({shipped("vit_tiny"), defined, 3, 32, 3}, {"vit_tiny_patch16_224", registered, 3, 32, 3});
  auto parameters = [](const ModelSpec& spec) {
    auto model = make_model(spec);
    return ModelState(*model, Device::null(), DType::f32, 1).parameter_table().dimension();
  };
  CHECK(parameters({shipped("vgg11_bn_cifar"), {}, 3, 32, 10}) ==
        parameters({"vgg11_bn", {{"head", "cifar"}}, 3, 32, 10}));
}

TEST_CASE("ReLU behind a max-pool trains to the bits of one in front of it", "[models]") {
  TemporaryDirectory directory;
  auto write = [&](const std::string& name, const std::string& between) {
    std::string file = directory.path() / name;
    std::ofstream(file) << with_layers(
        "  - {name: c, kind: conv, out: 16, kernel: 3, padding: 1}\n  - {name: n, kind: batch_norm}\n" + between +
        "  - {name: d, kind: conv, out: 16, kernel: 3, padding: 1}\n  - {name: g, kind: global_pool}\n"
        "  - {name: f, kind: linear, out: $classes}\n");
    return file;
  };
  std::string relu = "  - {name: r, kind: relu}\n", pool = "  - {name: p, kind: max_pool, kernel: 2}\n";
  require_same_bits({write("behind.yaml", pool + relu), {}, 3, 16, 3},
                    {write("front.yaml", relu + pool), {}, 3, 16, 3});
}

TEST_CASE("a net in no registry trains", "[models]") {
  ModelSpec spec{shipped("hybrid"), {{"depth", "1"}}, 3, 16, 3};
  auto model = make_model(spec);
  ModelState state(*model, Device::cpu(), DType::f32, 1);
  CHECK(state.parameter_table().find("stem.1.conv.weight") != nullptr);
  CHECK(state.parameter_table().find("class_token") != nullptr);
  Tape tape(Tape::Mode::inference);
  CHECK((*model)(tape, tape.constant(Tensor({2, 16, 16, 3}, DType::f32, Device::cpu()))).shape() == Shape{2, 3});
}

TEST_CASE("tokens are averaged as an image of the same pixels is", "[models]") {
  layers::GlobalPool pool;
  Tape tape(Tape::Mode::inference);
  Tensor image = to_tensor(random_reals(2 * 6 * 6 * 5, 5), {{2, 6, 6, 5}});
  auto mean = [&](const Tensor& x) { return to_reals(pool(tape, tape.constant(x)).tensor()); };
  CHECK(mean(image.reshaped({2, 36, 5})) == mean(image));
  std::string tokens = with_layers("- {name: t, kind: embed_tokens, class_token: a, position: b}\n");
  CHECK(refusal(tokens + "- {name: m, kind: global_pool}\n", {"", {}, 10, 6, 10}) == "accepted");
}

TEST_CASE("softmax in a definition makes each row a distribution", "[models]") {
  TemporaryDirectory directory;
  ModelSpec spec{directory.path() / "net.yaml", {}, 3, 6, 5};
  std::ofstream(spec.name) << with_layers(
      "- {name: f, kind: flatten}\n- {name: fc, kind: linear, out: 5}\n- {name: s, kind: softmax}\n");
  auto model = make_model(spec);
  ModelState state(*model, Device::cpu(), DType::f32, 1);
  Tape tape(Tape::Mode::inference);
  Tensor images = to_tensor(random_reals(2 * 6 * 6 * 3, 5), {{2, 6, 6, 3}});
  Reals rows = to_reals((*model)(tape, tape.constant(images)).tensor());
  REQUIRE(rows.size() == 10);
  for (int n = 0; n < 2; ++n) CHECK(std::accumulate(&rows[5 * n], &rows[5 * n] + 5, 0.0) == Approx(1));
  CHECK(refusal(with_layers("- {name: s, kind: softmax}\n")) ==
        "net.yaml:2: layer 's': softmax expected tokens [T,C] or features [C], got [16,16,3]");
}

TEST_CASE("what lies between a flatten and a linear layer leaves its weights in PyTorch's order", "[models]") {
  TemporaryDirectory directory;
  const std::string flat = "- {name: f, kind: flatten}\n", head = "- {name: fc, kind: linear, out: $classes}\n";
  ModelSpec spec{directory.path() / "net.yaml", {}, 3, 2, 4};
  std::ofstream(spec.name) << with_layers(flat + "- {name: r, kind: relu}\n- {name: s, kind: add, inputs: [f, r]}\n" +
                                          "- {name: d, kind: drop_path}\n" + head);
  auto model = make_model(spec);
  ModelState state(*model, Device::cpu(), DType::f32, 1);
  Tape tape(Tape::Mode::inference);
  Tensor image = to_tensor(random_reals(2 * 2 * 3, 5), {{1, 2, 2, 3}});
  Reals x = to_reals(image), logits = to_reals((*model)(tape, tape.constant(image)).tensor());
  auto weights = state_dict(state);
  Reals weight = to_reals(weights[0].tensor), bias = to_reals(weights[1].tensor);
  for (int o = 0; o < 4; ++o) {
    double sum = bias[o];
    for (int c = 0; c < 3; ++c) {
      for (int p = 0; p < 4; ++p) {
        double value = x[p * 3 + c];
        sum += weight[o * 12 + c * 4 + p] * (value + std::max(value, 0.0));
      }
    }
    CHECK(logits[o] == Approx(sum));
  }
  for (const std::string kind : {"batch_norm", "layer_norm"}) {
    CHECK(refusal(with_layers(flat + "- {name: n, kind: " + kind + "}\n" + head)) ==
          "net.yaml:3: layer 'n': " + kind +
              " behind a flatten would have its weights in another order than PyTorch's: "
              "expected it in front of the flatten, or behind a linear layer");
    CHECK(refusal(with_layers(flat + head + "- {name: n, kind: " + kind + "}\n")) == "accepted");
  }
  CHECK_THAT(refusal(with_layers(
                 flat + "- {name: l, kind: linear, out: 768}\n- {name: s, kind: add, inputs: [f, l]}\n" + head)),
             Catch::Contains("layer 's': add expected features in one order, both behind a flatten or neither"));
}

TEST_CASE("a deviation of 0 draws zeros", "[models]") {
  TemporaryDirectory directory;
  ModelSpec spec{directory.path() / "net.yaml", {}, 3, 2, 4};
  std::ofstream(spec.name) << with_layers("- {name: f, kind: flatten}\n- {name: fc, kind: linear, out: 4, std: 0}\n");
  auto model = make_model(spec);
  ModelState state(*model, Device::cpu(), DType::f32, 1);
  for (double value : to_reals(state.parameters())) CHECK(value == 0);
}

TEST_CASE("every example of docs/model-files.md is a network", "[models]") {
  std::ifstream page(STINT_SOURCE "/docs/model-files.md");
  std::string example;
  int examples = 0;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (inside && line == "```") {
      CAPTURE(example);
      CHECK(refusal(example, {"", {}, 3, 32, 10}) == "accepted");
      ++examples;
      inside = false;
    } else if (line == "```yaml") {
      example.clear();
      inside = true;
    } else if (inside) {
      example += line + "\n";
    }
  }
  CHECK(examples == 4);
}

TEST_CASE("a definition's errors name file, line, layer, expected and actual shape", "[models]") {
  CHECK(refusal(with_layers("- {name: fc, kind: linear, out: $classes}\n")) ==
        "net.yaml:2: layer 'fc': linear expected features [C] or tokens [T,C] (flatten an image first), got [16,16,3]");
  CHECK(refusal(with_layers("- {name: a, kind: conv, out: 4}\n- {name: b, kind: conv, out: 8}\n"
                            "- {name: sum, kind: add, inputs: [a, b]}\n")) ==
        "net.yaml:4: layer 'sum': add expected two inputs of the same shape, got [16,16,4] and [16,16,8]");
  CHECK(refusal(with_layers("- {name: p, kind: global_pool}\n")) ==
        "net.yaml:2: layer 'p': the last layer's output is [3], expected [10], one number a class ($classes)");
  CHECK(refusal(with_layers("- name: s.$i\n  repeat: 5\n  layers:\n  - {name: pool, kind: max_pool, kernel: 2}\n")) ==
        "net.yaml:5: layer 's.4.pool': max_pool expected an image of at least 2x2, got [1,1,3]");
}

TEST_CASE("a definition's slips are refused, with a suggestion where one is close", "[models]") {
  CHECK(refusal(with_layers("- {name: c, kind: convv, out: 4}\n")) ==
        "net.yaml:2: layer 'c': there is no kind 'convv': did you mean 'conv'?");
  CHECK(refusal(with_layers("- {name: c, kind: conv, out: 4, kernal: 3}\n")) ==
        "net.yaml:2: layer 'c': there is no key 'kernal' here: did you mean 'kernel'?");
  CHECK(refusal(with_layers("- {name: c, kind: conv}\n")) == "net.yaml:2: layer 'c': expected a key 'out'");
  CHECK(refusal(with_layers("- {name: c, kind: conv, out: $widht}\n")) ==
        "net.yaml:2: layer 'c': there is no parameter '$widht'");
  CHECK(refusal(with_layers("- {name: c, kind: conv, out: 3/2}\n")) ==
        "net.yaml:2: layer 'c': expected out to be an integer of at least 1, got '3/2'");
  CHECK(refusal(with_layers("- {name: a, kind: relu}\n- {name: a, kind: relu}\n")) ==
        "net.yaml:3: layer 'a': there are two layers of this name");
  CHECK(refusal(with_layers("- {name: a, kind: relu, inputs: bb}\n")) ==
        "net.yaml:2: layer 'a': there is no layer 'bb'");
  CHECK(refusal(with_layers("- {name: a, kind: relu, inputs: b}\n- {name: b, kind: relu, inputs: a}\n")) ==
        "net.yaml:2: layer 'a': its inputs depend on its own output");
  CHECK(refusal(with_layers("- {name: a, kind: relu}\n- {name: b, kind: global_pool, inputs: in}\n")) ==
        "net.yaml:2: layer 'a': nothing uses its output");
  for (const char* name : {"\"fc\xff\"", "a/b", "'a b'", "''", "\"a\\n\""}) {
    std::string line = std::string("- {name: ") + name + ", kind: relu}\n";
    CHECK(refusal(with_layers(line)) == "net.yaml:2: expected a name of letters, digits, '_', '-' and '.'");
  }
  CHECK(refusal(with_layers("- {name: c, kind: conv, out: 6, bias: true, out: 8}\n")) ==
        "net.yaml:2: layer 'c': 'out' is there twice");
  CHECK(refusal(with_layers("- {name: g, name: h, layers: [{name: p, kind: global_pool}]}\n")) ==
        "net.yaml:2: 'name' is there twice");
  CHECK(refusal(with_layers("- {name: p, kind: global_pool}\n") + with_layers("- {name: r, kind: relu}\n")) ==
        "net.yaml:3: 'layers' is there twice");
  CHECK(refusal("parameters: {a: 1, a: 2}\n" + with_layers("- {name: p, kind: global_pool}\n")) ==
        "net.yaml:1: expected a parameter with one value and a name of its own, got 'a'");
  CHECK_THAT(refusal(with_layers("- {name: p, kind: global_pool}\n") + "---\nmore: 1\n"),
             Catch::EndsWith("did not expect a second document"));
  CHECK(refusal("") == "net.yaml: expected a list `layers:`");
  CHECK(refusal(with_layers("- {name: p, kind: max_pool, kernel: 17, padding: 8}\n")) ==
        "net.yaml:2: layer 'p': expected a kernel of at most 16, got 17");
  for (const std::string kind : {"avg_pool", "max_pool"}) {
    CHECK(refusal(with_layers("- {name: p, kind: " + kind + ", kernel: 2, padding: 3}\n")) ==
          "net.yaml:2: layer 'p': expected a padding of at most half the kernel of 2, got 3");
  }
  CHECK(refusal("layer: []\n") == "net.yaml: expected a list `layers:`");
  CHECK_THAT(refusal("layers: [\n"), Catch::StartsWith("net.yaml:2: is not YAML"));
  CHECK(refusal("layerss: 3\n" + with_layers("- {name: a, kind: relu}\n")) ==
        "net.yaml:1: there is no key 'layerss' here: did you mean 'layers'?");
  CHECK_THAT(refusal(with_layers("- {name: a, kind: relu}\n"), {"", {{"width", "3"}}, 3, 16, 10}),
             Catch::EndsWith("takes no keyword argument 'width'"));
  CHECK_THROWS_WITH(make_model({"/nowhere/net.yaml", {}}), Catch::Contains("cannot read /nowhere/net.yaml"));
  TemporaryDirectory folder;
  std::filesystem::create_directory(folder.path() / "net.yaml");
  CHECK_THROWS_WITH(make_model({folder.path() / "net.yaml", {}}), Catch::Contains("cannot read"));
}
