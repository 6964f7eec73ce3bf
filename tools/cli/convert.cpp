#include <stint/layers/safetensors.h>
#include <stint/layers/state_dict.h>
#include <stint/tools/cli/commands.h>
#include <stint/tools/data/input_recipe.h>
#include <stint/tools/trainer/checkpoint.h>
#include <stint/tools/trainer/pretrained.h>

#include <nlohmann/json.hpp>

namespace stint {

namespace {

/// The same weights under the names of another model, whose tensors have the same shapes in the same order.
void copy_weights(const ModelState& from, ModelState& to, const std::string& name) {
  const auto &given = from.parameter_table().blocks(), &wanted = to.parameter_table().blocks();
  bool same = given.size() == wanted.size() && from.buffers().count() == to.buffers().count();
  for (std::size_t i = 0; same && i < given.size(); ++i) same = given[i].shape == wanted[i].shape;
  if (!same) fail(ErrorKind::usage, "--to", "{} has other layers", name);
  to.parameters().copy_from(from.parameters());
  to.buffers().copy_from(from.buffers());
}

/// With the size and the channels of the images that the weights say they are for, where no flag says otherwise.
Config of_their_images(Config config, const std::string& file, const std::map<std::string, std::string>& metadata) {
  auto own = metadata.find("input");
  if (own == metadata.end()) return config;
  InputRecipe recipe = parse_recipe(own->second, file);
  if (config.data.image_size == 0) config.data.image_size = recipe.height;
  if (config.data.channels == 0) config.data.channels = recipe.channels;
  return config;
}

}  // namespace

int run_convert(const Config& config, const std::string& to, const std::string& output) {
  auto file = find_weights(config.model.pretrained);
  std::map<std::string, std::string> metadata;
  auto weights = read_safetensors(file, &metadata);
  metadata.try_emplace("format", "pt");
  ModelSpec spec = spec_of_weights(of_their_images(config, file, metadata), weights);
  auto model = make_model(spec);
  ModelState state(*model, Device::cpu(), DType::f32, static_cast<std::uint64_t>(config.seed));
  auto renewed = load_state_dict(state, weights, Head::renew_if_other);
  std::vector<NamedTensor> dict = state_dict(state);
  if (!to.empty()) {
    spec.name = to;
    auto other = make_model(spec);
    ModelState renamed(*other, Device::cpu(), DType::f32, 0);
    copy_weights(state, renamed, to);
    dict = state_dict(renamed);
  }
  write_safetensors(output, dict, metadata);
  const std::string& called = to.empty() ? config.model.name : to;
  if (config.log.json) {
    nlohmann::ordered_json json = {{"model", called},
                                   {"weights", file.string()},
                                   {"output", output},
                                   {"tensors", dict.size()},
                                   {"parameters", state.parameter_table().dimension()},
                                   {"renewed", renewed}};
    fmt::print("{}\n", json.dump(2));
    return 0;
  }
  for (const std::string& name : renewed) fmt::print("{} has other classes and gets initial values\n", name);
  fmt::print("{}: {} tensors, {} parameters of {}\n", output, dict.size(), state.parameter_table().dimension(), called);
  return 0;
}

}  // namespace stint
