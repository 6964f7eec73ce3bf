#include <stint/layers/safetensors.h>
#include <stint/layers/state_dict.h>
#include <stint/tools/cli/commands.h>
#include <stint/tools/cli/report.h>
#include <stint/tools/config/json_text.h>
#include <stint/tools/trainer/checkpoint.h>

#include <nlohmann/json.hpp>

namespace stint {

int run_eval(Config config, const std::string& checkpoint) {
  config.optim.model_ema = false;  // the average is what is loaded
  DataSet data = load_dataset(config);
  Loader loader(data.test, test_options(config));
  Training training(config, data.train, 1, Device::parse(config.device));
  auto weights = find_weights(checkpoint);
  load_state_dict(training.state(), open_safetensors(weights));
  EvalResult result = training.evaluate(loader);
  warn(loader.bad_note());
  if (config.log.json) {
    nlohmann::ordered_json json = {{"weights", weights.string()},
                                   {"images", data.test.count()},
                                   {"loss", result.loss},
                                   {"top1", result.top1},
                                   {"top5", result.top5}};
    fmt::print("{}\n", json_text(json, 2));
  } else {
    fmt::print("{} test images of {}, weights {}\nloss: {:.4f}\ntop1: {:.2f}\ntop5: {:.2f}\n", data.test.count(),
               data.name, weights.string(), result.loss, result.top1, result.top5);
  }
  return 0;
}

}  // namespace stint
