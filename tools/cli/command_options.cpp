#include <fmt/format.h>
#include <stint/tools/cli/command_options.h>

#include <algorithm>
#include <map>

namespace stint {

namespace {

using Keys = std::vector<std::string>;

Keys operator+(Keys keys, const Keys& more) {
  keys.insert(keys.end(), more.begin(), more.end());
  return keys;
}

/// Keys of a command, or with a dot at the end whole sections.
const std::map<std::string, Keys>& keys_of_commands() {
  static const Keys computing = {"device", "threads", "amp", "memory.budget", "log.json"};
  static const Keys model = {"model.name", "model.kwargs"};
  static const Keys weights = model + Keys{"model.pretrained"};
  static const Keys shape = {"data.batch_size", "data.image_size", "data.num_classes", "data.channels"};
  static const Keys test_view = {"data.dataset", "data.dir", "data.crop_pct", "data.mean", "data.std"};
  static const Keys test_data =
      shape + test_view + Keys{"seed", "data.samples", "data.val_split", "data.bad_samples", "data.loader_threads"};
  static const Keys step = computing + model + Keys{"seed", "data.", "optim.", "memory."};
  static const std::map<std::string, Keys> keys = {
      {"eval", computing + model + test_data},
      {"plan", step + Keys{"sync."}},
      {"bench", step + Keys{"log.trace"}},
      {"inspect mem", step},
      {"predict", computing + weights + test_view + Keys{"data.batch_size", "data.image_size", "log.output"}},
      {"convert",
       weights + Keys{"seed", "data.image_size", "data.num_classes", "data.channels", "log.output", "log.json"}},
      {"inspect model",
       model + shape + Keys{"amp", "data.dataset", "data.dir", "memory.drop", "memory.drop_layers", "log.json"}},
  };
  return keys;
}

}  // namespace

bool concerns(const Option& option, const std::string& command) {
  auto found = keys_of_commands().find(command);
  if (found == keys_of_commands().end()) return true;  // train
  return std::any_of(found->second.begin(), found->second.end(), [&](const std::string& key) {
    return key.ends_with(".") ? option.key.starts_with(key) : option.key == key;
  });
}

std::string meaning(const Option& option, const std::string& command) {
  if (option.key == "log.output" && command == "predict") return "FILE.safetensors for the logits [N,classes]";
  if (option.key == "log.output" && command == "convert") return "FILE.safetensors to write";
  if (option.key == "data.image_size" && (command == "predict" || command == "convert"))
    return "height and width; 0: as the weights say, else 224";
  if (option.key == "data.num_classes" && command == "convert") return "classes; 0: those of the weights";
  if (option.key == "data.channels" && command == "convert") return "of the images; 0: as the weights say, else 3";
  if (option.key == "data.dataset" && command == "inspect model")
    return "whose images the model gets; with digits: synthetic ones, of the size that is usual for the model";
  if (option.key == "model.pretrained" && command != "train")
    return "the weights: a run, a checkpoint or a safetensors file";
  if (option.key == "log.trace" && command == "bench")
    return "write trace.json (Chrome, Perfetto) of the step that is taken apart, behind the timed ones";
  return option.help;
}

std::string note_on_workers(const Config& config) {
  Keys idle;
  for (const Option& option : options()) {
    bool given = option.section() == "sync" && value_text(option, config) != value_text(option, Config{});
    if (given) idle.push_back(option.key);
  }
  if (idle.empty()) return "";
  return fmt::format("a step of one worker alone, on which these have no effect: {}", fmt::join(idle, ", "));
}

}  // namespace stint
