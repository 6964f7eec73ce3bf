#include <fmt/ranges.h>
#include <stint/models/lenet.h>
#include <stint/models/mlp.h>
#include <stint/models/model.h>
#include <stint/models/resnet.h>
#include <stint/runtime/closest.h>

#include <charconv>
#include <functional>

namespace stint {

namespace {

using Factory = std::function<std::unique_ptr<Module>(const ModelSpec&, Kwargs&)>;

Factory resnet(models::ResNetBlock block, std::vector<int> depths) {
  return [block, depths](const ModelSpec& spec, Kwargs& kwargs) -> std::unique_ptr<Module> {
    return std::make_unique<models::ResNet>(spec, kwargs, block, depths);
  };
}

Factory cifar_resnet(int blocks) {
  return [blocks](const ModelSpec& spec, Kwargs& kwargs) -> std::unique_ptr<Module> {
    return std::make_unique<models::CifarResNet>(spec, kwargs, blocks);
  };
}

template <typename Model>
Factory simple() {
  return [](const ModelSpec& spec, Kwargs& kwargs) -> std::unique_ptr<Module> {
    return std::make_unique<Model>(spec, kwargs);
  };
}

const std::map<std::string, Factory>& registry() {
  using enum models::ResNetBlock;
  static const std::map<std::string, Factory> models = {
      {"lenet5", simple<models::LeNet5>()},
      {"logistic", simple<models::Logistic>()},
      {"mlp", simple<models::Mlp>()},
      {"resnet18", resnet(basic, {2, 2, 2, 2})},
      {"resnet34", resnet(basic, {3, 4, 6, 3})},
      {"resnet50", resnet(bottleneck, {3, 4, 6, 3})},
      {"resnet101", resnet(bottleneck, {3, 4, 23, 3})},
      {"resnet152", resnet(bottleneck, {3, 8, 36, 3})},
      {"resnet20", cifar_resnet(3)},
      {"resnet56", cifar_resnet(9)},
  };
  return models;
}

}  // namespace

std::unique_ptr<Module> make_model(const ModelSpec& spec) {
  auto found = registry().find(spec.name);
  if (found == registry().end()) {
    fail(ErrorKind::usage, "model", "there is no model '{}'{}", spec.name, did_you_mean(spec.name, model_names()));
  }
  require(spec.num_classes >= 1 && spec.channels >= 1 && spec.image_size >= 1, "model",
          "expected at least one class, channel and pixel, got {}, {} and {}", spec.num_classes, spec.channels,
          spec.image_size);
  Kwargs kwargs(spec);
  auto model = found->second(spec, kwargs);
  kwargs.finish();
  return model;
}

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const auto& [name, factory] : registry()) names.push_back(name);
  return names;
}

std::string Kwargs::choice(const std::string& key, const std::vector<std::string>& choices) {
  known_.push_back(key);
  auto found = given_.find(key);
  if (found == given_.end()) return choices.front();
  for (const std::string& option : choices) {
    if (option == found->second) return option;
  }
  fail(ErrorKind::usage, model_, "expected {} to be one of {}, got '{}'{}", key, fmt::join(choices, ", "),
       found->second, did_you_mean(found->second, choices));
}

std::int64_t Kwargs::integer(const std::string& key, std::int64_t fallback) {
  known_.push_back(key);
  auto found = given_.find(key);
  if (found == given_.end()) return fallback;
  const std::string& text = found->second;
  std::int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 1 || value > 1'000'000) {
    fail(ErrorKind::usage, model_, "expected {} to be a positive integer, got '{}'", key, text);
  }
  return value;
}

float Kwargs::rate(const std::string& key, float fallback) {
  known_.push_back(key);
  auto found = given_.find(key);
  if (found == given_.end()) return fallback;
  const std::string& text = found->second;
  float value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value >= 0 && value < 1)) {
    fail(ErrorKind::usage, model_, "expected {} to be a number in [0, 1), got '{}'", key, text);
  }
  return value;
}

void Kwargs::finish() const {
  for (const auto& [key, value] : given_) {
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    fail(ErrorKind::usage, model_, "takes no keyword argument '{}'{}", key, did_you_mean(key, known_));
  }
}

}  // namespace stint
