#include <fmt/ranges.h>
#include <stint/models/definition/definition.h>
#include <stint/models/lenet.h>
#include <stint/models/mlp.h>
#include <stint/models/model.h>
#include <stint/models/resnet.h>
#include <stint/models/vgg.h>
#include <stint/models/vit.h>
#include <stint/runtime/closest.h>

#include <charconv>
#include <functional>
#include <optional>

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

Factory preact_resnet(std::vector<int> depths) {
  return [depths](const ModelSpec& spec, Kwargs& kwargs) -> std::unique_ptr<Module> {
    return std::make_unique<models::PreActivationResNet>(spec, kwargs, depths);
  };
}

Factory vgg(int layers, bool batch_norm) {
  return [=](const ModelSpec& spec, Kwargs& kwargs) -> std::unique_ptr<Module> {
    return std::make_unique<models::Vgg>(spec, kwargs, layers, batch_norm);
  };
}

Factory vit(models::VitNames names, models::VitSize size) {
  return [=](const ModelSpec& spec, Kwargs& kwargs) -> std::unique_ptr<Module> {
    return std::make_unique<models::Vit>(spec, kwargs, names, size);
  };
}

template <typename Model>
Factory simple() {
  return [](const ModelSpec& spec, Kwargs& kwargs) -> std::unique_ptr<Module> {
    return std::make_unique<Model>(spec, kwargs);
  };
}

std::map<std::string, Factory> make_registry() {
  using enum models::ResNetBlock;
  using enum models::VitNames;
  std::map<std::string, Factory> models = {
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
      {"preact_resnet18", preact_resnet({2, 2, 2, 2})},
      {"preact_resnet34", preact_resnet({3, 4, 6, 3})},
      {"vit_b_16", vit(torchvision, {.patch = 16, .dim = 768, .depth = 12, .heads = 12})},
      {"vit_b_32", vit(torchvision, {.patch = 32, .dim = 768, .depth = 12, .heads = 12})},
      {"vit_l_16", vit(torchvision, {.patch = 16, .dim = 1024, .depth = 24, .heads = 16})},
      {"vit_l_32", vit(torchvision, {.patch = 32, .dim = 1024, .depth = 24, .heads = 16})},
  };
  for (int layers : {11, 13, 16, 19}) {
    models[fmt::format("vgg{}", layers)] = vgg(layers, false);
    models[fmt::format("vgg{}_bn", layers)] = vgg(layers, true);
  }
  for (const char* family : {"vit", "deit"}) {
    auto name = [&](const char* size) { return fmt::format("{}_{}_patch16_224", family, size); };
    models[name("tiny")] = vit(timm, {.patch = 16, .dim = 192, .depth = 12, .heads = 3});
    models[name("small")] = vit(timm, {.patch = 16, .dim = 384, .depth = 12, .heads = 6});
    models[name("base")] = vit(timm, {.patch = 16, .dim = 768, .depth = 12, .heads = 12});
    models[name("large")] = vit(timm, {.patch = 16, .dim = 1024, .depth = 24, .heads = 16});
  }
  models.erase("deit_large_patch16_224");  // nobody trained one
  return models;
}

const std::map<std::string, Factory>& registry() {
  static const std::map<std::string, Factory> models = make_registry();
  return models;
}

/// The whole text as a number, or nothing.
template <typename T>
std::optional<T> parsed(const std::string& text) {
  T value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

}  // namespace

std::unique_ptr<Module> make_model(const ModelSpec& spec) {
  if (spec.name.ends_with(".yaml")) return std::make_unique<models::DefinedNet>(spec);
  auto found = registry().find(spec.name);
  if (found == registry().end()) {
    std::string hint = did_you_mean(spec.name, model_names());
    fail(ErrorKind::usage, "model", "there is no model '{}'{}", spec.name,
         hint.empty() ? "; `stint inspect model` lists them" : hint);
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

const std::string* Kwargs::text_of(const std::string& key) {
  known_.push_back(key);
  auto found = given_.find(key);
  return found == given_.end() ? nullptr : &found->second;
}

std::string Kwargs::choice(const std::string& key, const std::vector<std::string>& choices) {
  const std::string* text = text_of(key);
  if (!text) return choices.front();
  for (const std::string& option : choices) {
    if (option == *text) return option;
  }
  fail(ErrorKind::usage, model_, "expected {} to be one of {}, got '{}'{}", key, fmt::join(choices, ", "), *text,
       did_you_mean(*text, choices));
}

std::int64_t Kwargs::integer(const std::string& key, std::int64_t fallback) {
  const std::string* text = text_of(key);
  if (!text) return fallback;
  auto value = parsed<std::int64_t>(*text);
  if (value && *value >= 1 && *value <= 1'000'000) return *value;
  fail(ErrorKind::usage, model_, "expected {} to be a positive integer, got '{}'", key, *text);
}

float Kwargs::number(const std::string& key, float fallback) {
  const std::string* text = text_of(key);
  if (!text) return fallback;
  auto value = parsed<float>(*text);
  if (value && *value > 0 && *value <= 1e6f) return *value;
  fail(ErrorKind::usage, model_, "expected {} to be a positive number, got '{}'", key, *text);
}

float Kwargs::rate(const std::string& key, float fallback) {
  const std::string* text = text_of(key);
  if (!text) return fallback;
  auto value = parsed<float>(*text);
  if (value && *value >= 0 && *value < 1) return *value;
  fail(ErrorKind::usage, model_, "expected {} to be a number in [0, 1), got '{}'", key, *text);
}

void Kwargs::finish() const {
  for (const auto& [key, value] : given_) {
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    fail(ErrorKind::usage, model_, "takes no keyword argument '{}'{}", key, did_you_mean(key, known_));
  }
}

}  // namespace stint
