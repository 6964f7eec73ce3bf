#include <stint/runtime/closest.h>
#include <stint/tools/trainer/dropping.h>

#include <algorithm>

namespace stint {

namespace {

/// Paths of all layers; and of those with a weight matrix or a bank of filters, in order.
struct LayerPaths {
  std::vector<std::string> all, weighted;

  explicit LayerPaths(Module& model) {
    model.visit([&](Module& module) {
      all.push_back(module.path());
      for (const auto& p : module.parameters()) {
        bool weight = p->shape.rank() >= 2 && p->leaf.name.ends_with("weight");
        if (weight) weighted.push_back(module.path());
      }
    });
  }

  /// A layer or a part of the model that has layers below it. Where there is none of the name, `stem` is the first
  /// layer with a weight and `head` the last one.
  std::string resolve(const std::string& name, const char* where) const {
    auto has = [&](const std::string& path) { return !name.empty() && is_below(path, name); };
    if (std::any_of(all.begin(), all.end(), has)) return name;
    if (name == "stem" && !weighted.empty()) return weighted.front();
    if (name == "head" && !weighted.empty()) return weighted.back();
    std::vector<std::string> known = all;
    known.insert(known.end(), {"stem", "head"});
    fail(ErrorKind::usage, where, "the model has no layer '{}'{}", name, did_you_mean(name, known));
  }
};

double gamma_of(const std::string& layer, const std::string& text) {
  auto gamma = read_gamma(text);
  if (!gamma) {
    fail(ErrorKind::usage, "memory.drop_layers", "{} is '{}', expected a number from 0 to below 1", layer, text);
  }
  return *gamma;
}

}  // namespace

Dropping::Dropping(const Config& config, Module& model, std::int64_t steps_per_epoch)
    : steps_per_epoch_(std::max<std::int64_t>(steps_per_epoch, 1)) {
  const auto& memory = config.memory;
  if (memory.drop.empty()) {
    if (!memory.drop_layers.empty()) fail(ErrorKind::usage, "memory.drop_layers", "expected --drop beside it");
    if (memory.probe_every > 0) fail(ErrorKind::usage, "memory.probe_every", "expected --drop beside it");
    return;
  }
  option_ = read_drop(memory.drop);
  LayerPaths layers(model);
  DropRules rules{.strategy = option_->strategy,
                  .index = option_->index,
                  .operators = option_->operators,
                  .seed = static_cast<std::uint64_t>(config.seed)};
  for (const std::string& name : option_->excluded) rules.excluded.push_back(layers.resolve(name, "memory.drop"));
  for (const auto& [name, text] : memory.drop_layers) {
    rules.gammas[layers.resolve(name, "memory.drop_layers")] = gamma_of(name, text);
  }
  policy_ = std::make_unique<DropPolicy>(std::move(rules));
}

SavePolicy& Dropping::policy_of(std::int64_t step, std::int64_t batch) {
  if (!policy_) return keep_dense();
  if (batch == 0) policy_->start_step(step, option_->gamma((step - earlier_) / steps_per_epoch_));
  return *policy_;
}

std::vector<std::int64_t> Dropping::epochs(std::int64_t before) const {
  std::vector<std::int64_t> epochs = {0};
  if (!option_) return epochs;
  for (const auto& [epoch, gamma] : option_->gammas) {
    if (epoch > 0 && epoch < before) epochs.push_back(epoch);
  }
  return epochs;
}

}  // namespace stint
