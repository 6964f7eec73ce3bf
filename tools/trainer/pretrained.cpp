#include <fmt/ranges.h>
#include <stint/layers/safetensors.h>
#include <stint/layers/state_dict.h>
#include <stint/models/kwargs.h>
#include <stint/tools/trainer/checkpoint.h>
#include <stint/tools/trainer/pretrained.h>

namespace stint {

std::string load_pretrained(const Config& config, ModelState& state) {
  if (config.model.pretrained.empty()) return "";
  auto file = find_weights(config.model.pretrained);
  auto renewed = load_state_dict(state, open_safetensors(file), Head::renew_if_other);
  if (renewed.empty()) return "";
  return fmt::format("{}: other classes, so {} keep their initial values", file.string(), fmt::join(renewed, ", "));
}

ModelSpec spec_of_weights(const Config& config, const std::vector<NamedTensor>& weights) {
  auto or_else = [](std::int64_t value, std::int64_t fallback) { return value > 0 ? value : fallback; };
  ModelSpec spec{.name = config.model.source(), .kwargs = config.model.kwargs};
  spec.channels = or_else(config.data.channels, spec.channels);
  std::int64_t side = Kwargs(spec).integer("image_size", spec.image_size);
  spec.image_size = or_else(config.data.image_size, side);
  if (config.data.num_classes > 0) {
    spec.num_classes = config.data.num_classes;
    return spec;
  }
  auto model = make_model(spec);
  std::string head = head_name(ModelState(*model, Device::null(), DType::f32, 0)) + ".weight";
  for (const auto& [name, tensor] : weights) {
    if (name == head && tensor.shape().rank() == 2) spec.num_classes = tensor.shape()[0];
  }
  return spec;
}

}  // namespace stint
