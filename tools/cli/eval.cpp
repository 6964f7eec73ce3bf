#include <stint/layers/safetensors.h>
#include <stint/layers/state_dict.h>
#include <stint/tools/cli/commands.h>
#include <stint/tools/cli/report.h>
#include <stint/tools/config/json_text.h>
#include <stint/tools/trainer/checkpoint.h>

#include <nlohmann/json.hpp>

namespace stint {

namespace {

/// Where the user does not say it, what came with the weights, else what is usual for photographs: as `predict`.
double crop_of(const Config& config, const std::map<std::string, std::string>& metadata, const std::string& file) {
  if (config.data.crop_pct > 0) return config.data.crop_pct;
  auto own = metadata.find("input");
  return (own == metadata.end() ? InputRecipe() : parse_recipe(own->second, file)).crop_share;
}

}  // namespace

int run_eval(Config config, const std::string& checkpoint) {
  config.optim.model_ema = false;  // the average is what is loaded
  DataSet data = load_dataset(config);
  auto weights = find_weights(checkpoint);
  std::map<std::string, std::string> metadata;
  auto tensors = open_safetensors(weights, &metadata);
  config.data.crop_pct = crop_of(config, metadata, weights);
  Loader loader(data.test, test_options(config));
  Training training(config, data.train, 1, Device::parse(config.device));
  load_state_dict(training.state(), tensors);
  EvalResult result = training.evaluate(loader);
  warn(loader.bad_note());
  if (config.log.json) {
    nlohmann::ordered_json json = {{"weights", weights.string()},
                                   {"images", result.images},
                                   {"loss", result.loss},
                                   {"top1", result.top1},
                                   {"top5", result.top5}};
    fmt::print("{}\n", json_text(json, 2));
  } else {
    fmt::print("{} test images of {}, weights {}\nloss: {:.4f}\ntop1: {:.2f}\ntop5: {:.2f}\n", result.images, data.name,
               weights.string(), result.loss, result.top1, result.top5);
  }
  return 0;
}

}  // namespace stint
