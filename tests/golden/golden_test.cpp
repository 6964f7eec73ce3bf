#include <stint/kernels/cast/cast.h>
#include <stint/kernels/reorder/reorder.h>
#include <stint/kernels/softmax_cross_entropy/softmax_cross_entropy.h>
#include <stint/kernels/vector/vector.h>
#include <stint/layers/optimiser.h>
#include <stint/layers/safetensors.h>
#include <stint/layers/state_dict.h>
#include <stint/models/model.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "../op_case_tensors.h"

using namespace stint;
using namespace stint::test;

namespace {

double norm(const Reals& values) {
  double square = 0;
  for (double value : values) square += value * value;
  return std::sqrt(square);
}

Tensor as_floats(const Tensor& tensor) {
  Tensor floats(tensor.shape(), DType::f32);
  add_to(tensor, floats, false);
  return floats;
}

/// Where the files are: beside the source, or where STINT_GOLDEN says, for a program that has moved.
std::string folder() {
  const char* given = std::getenv("STINT_GOLDEN");
  return given ? given : STINT_GOLDEN;
}

/// What PyTorch computed with a network: tests/golden/make.py says what is in it.
class Golden {
 public:
  explicit Golden(const std::string& name) {
    for (auto& [key, tensor] : read_safetensors(folder() + "/" + name + ".safetensors", &errors_))
      tensors_[key] = tensor;
    for (const auto& [key, tensor] : tensors_) {
      if (key.starts_with("gradient.")) gradient_ = std::hypot(gradient_, norm(to_reals(tensor)));
    }
  }

  const Tensor& at(const std::string& key) const { return tensors_.at(key); }

  /// The tensors whose names start with `prefix`, without it.
  std::vector<NamedTensor> under(const std::string& prefix) const {
    std::vector<NamedTensor> found;
    for (const auto& [key, tensor] : tensors_) {
      if (key.starts_with(prefix)) found.push_back({key.substr(prefix.size()), tensor});
    }
    return found;
  }

  /// Fails unless |got - expected| is at most ten times PyTorch's own f32 error, or 1e-5 of the norm. A gradient that
  /// is truly zero (of a bias in front of a normalisation) may be 1e-6 of the whole gradient's norm.
  void require_same(const std::string& key, const Tensor& got) const {
    Reals expected = to_reals(at(key)), values = to_reals(got);
    REQUIRE(values.size() == expected.size());
    double size = norm(expected), allowed = std::max(10 * std::stod(errors_.at(key)), 1e-5 * size);
    if (key.starts_with("gradient.") && size < 1e-9 * gradient_) allowed = std::max(allowed, 1e-6 * gradient_);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] -= expected[i];
    INFO(key << ": off by " << norm(values) << ", allowed " << allowed << ", norm " << size);
    REQUIRE(norm(values) <= allowed);
  }

  /// The same for every tensor whose name starts with `prefix`; none is left over on either side.
  void require_all(const std::string& prefix, const std::vector<NamedTensor>& got) const {
    std::size_t seen = 0;
    for (const auto& [name, tensor] : got) {
      if (!tensors_.contains(prefix + name)) continue;
      require_same(prefix + name, tensor);
      ++seen;
    }
    INFO(prefix);
    REQUIRE(seen > 0);
    REQUIRE(seen == under(prefix).size());
  }

 private:
  std::map<std::string, Tensor> tensors_;
  std::map<std::string, std::string> errors_;
  double gradient_ = 0;
};

/// Our network with PyTorch's weights.
class Ours {
 public:
  Ours(const Golden& golden, ModelSpec spec) : golden_(golden), images_(channels_last(as_floats(golden.at("images")))) {
    spec.image_size = images_.shape()[1];
    spec.num_classes = golden.at("logits").shape()[1];
    model_ = make_model(spec);
    state_ = std::make_unique<ModelState>(*model_, Device::cpu(), DType::f32, 1);
    restart();
  }

  ModelState& state() { return *state_; }
  void restart() { load_state_dict(*state_, golden_.under("start.")); }

  Tensor eval_logits() {
    Tape tape(Tape::Mode::inference);
    return (*model_)(tape, tape.constant(images_)).tensor();
  }

  /// Forward and backward; returns the loss and, if asked, the logits.
  Tensor step(Tensor* logits = nullptr) {
    Tape tape;
    Value y = (*model_)(tape, tape.constant(images_));
    if (logits) *logits = y.tensor();
    Value loss = tape.apply(SoftmaxCrossEntropy{}, y, tape.constant(golden_.at("labels")));
    state_->forget_gradients();
    tape.backward(loss);
    return loss.tensor();
  }

  /// The gradients in PyTorch's layouts.
  std::vector<NamedTensor> gradients() {
    Tensor parameters = state_->parameters().copy_to(Device::cpu());
    state_->parameters().copy_from(state_->gradients());
    auto dict = state_dict(*state_);
    state_->parameters().copy_from(parameters);
    return dict;
  }

  void train(LocalUpdate& optimiser, int steps, float lr) {
    restart();
    for (int i = 0; i < steps; ++i) {
      step();
      optimiser.apply(state_->parameters(), state_->gradients(), lr);
    }
  }

 private:
  const Golden& golden_;
  Tensor images_;
  std::unique_ptr<Module> model_;
  std::unique_ptr<ModelState> state_;
};

void check(const std::string& file, const ModelSpec& spec) {
  INFO(file << " against " << spec.name);
  Golden golden(file);
  Ours ours(golden, spec);
  golden.require_same("eval_logits", ours.eval_logits());
  Tensor logits;
  golden.require_same("loss", ours.step(&logits));
  golden.require_same("logits", logits);
  golden.require_all("gradient.", ours.gradients());
  if (!golden.under("buffer.").empty()) golden.require_all("buffer.", state_dict(ours.state()));

  SgdOptimiser sgd(ours.state(), {.momentum = 0.9f, .weight_decay = 1e-3f});
  ours.train(sgd, 10, 0.01f);
  golden.require_all("sgd.", state_dict(ours.state()));
  AdamWOptimiser adamw(ours.state(), {.weight_decay = 0.01f});
  ours.train(adamw, 3, 1e-3f);
  golden.require_all("adamw.", state_dict(ours.state()));
}

const std::map<std::string, std::string> small_vgg = {{"width", "2"}, {"hidden", "8"}, {"dropout", "0"}};
const std::map<std::string, std::string> small_vit = {
    {"patch", "4"}, {"dim", "24"}, {"depth", "2"}, {"heads", "3"}, {"mlp_ratio", "2"}};

}  // namespace

TEST_CASE("resnet18 gives PyTorch's answers", "[golden]") {
  check("resnet18", {"resnet18", {{"width", "4"}}});
}

TEST_CASE("vgg11 gives PyTorch's answers", "[golden]") {
  check("vgg11", {"vgg11", small_vgg});
}

TEST_CASE("vgg16_bn gives PyTorch's answers", "[golden]") {
  check("vgg16_bn", {"vgg16_bn", small_vgg});
}

TEST_CASE("vit_b_16 gives PyTorch's answers", "[golden]") {
  check("vit_b_16", {"vit_b_16", small_vit});
}

TEST_CASE("preact_resnet18 gives PyTorch's answers", "[golden]") {
  check("preact_resnet18", {"preact_resnet18", {{"width", "3"}}});
}
