#include <stint/models/definition/definition.h>
#include <stint/models/lenet.h>
#include <stint/models/mlp.h>
#include <stint/models/model.h>
#include <stint/models/resnet.h>
#include <stint/models/vgg.h>
#include <stint/models/vit.h>
#include <stint/runtime/closest.h>

#include <functional>

namespace stint {

namespace {

using Factory = std::function<std::unique_ptr<Module>(const ModelSpec&, Kwargs&)>;

/// Makes a `Model` with these arguments behind the two that all have.
template <typename Model, typename... Args>
Factory make(Args... args) {
  return [=](const ModelSpec& spec, Kwargs& kwargs) -> std::unique_ptr<Module> {
    return std::make_unique<Model>(spec, kwargs, args...);
  };
}

std::map<std::string, Factory> make_registry() {
  using namespace models;
  using enum ResNetBlock;
  using enum VitNames;
  using Depths = std::vector<int>;
  std::map<std::string, Factory> all = {
      {"lenet5", make<LeNet5>()},
      {"logistic", make<Logistic>()},
      {"mlp", make<Mlp>()},
      {"resnet18", make<ResNet>(basic, Depths{2, 2, 2, 2})},
      {"resnet34", make<ResNet>(basic, Depths{3, 4, 6, 3})},
      {"resnet50", make<ResNet>(bottleneck, Depths{3, 4, 6, 3})},
      {"resnet101", make<ResNet>(bottleneck, Depths{3, 4, 23, 3})},
      {"resnet152", make<ResNet>(bottleneck, Depths{3, 8, 36, 3})},
      {"resnet20", make<CifarResNet>(3)},
      {"resnet56", make<CifarResNet>(9)},
      {"preact_resnet18", make<PreActivationResNet>(Depths{2, 2, 2, 2})},
      {"preact_resnet34", make<PreActivationResNet>(Depths{3, 4, 6, 3})},
  };
  for (int layers : {11, 13, 16, 19}) {
    all[fmt::format("vgg{}", layers)] = make<Vgg>(layers, false);
    all[fmt::format("vgg{}_bn", layers)] = make<Vgg>(layers, true);
  }
  for (int patch : {16, 32}) {
    all[fmt::format("vit_b_{}", patch)] = make<Vit>(torchvision, VitSize{patch, 768, 12, 12});
    all[fmt::format("vit_l_{}", patch)] = make<Vit>(torchvision, VitSize{patch, 1024, 24, 16});
  }
  for (const char* family : {"vit", "deit"}) {
    auto name = [&](const char* size) { return fmt::format("{}_{}_patch16_224", family, size); };
    all[name("tiny")] = make<Vit>(timm, VitSize{16, 192, 12, 3});
    all[name("small")] = make<Vit>(timm, VitSize{16, 384, 12, 6});
    all[name("base")] = make<Vit>(timm, VitSize{16, 768, 12, 12});
    all[name("large")] = make<Vit>(timm, VitSize{16, 1024, 24, 16});
  }
  all.erase("deit_large_patch16_224");  // nobody trained one
  return all;
}

const std::map<std::string, Factory>& registry() {
  static const std::map<std::string, Factory> models = make_registry();
  return models;
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

}  // namespace stint
