#include <fmt/format.h>
#include <stint/layers/safetensors.h>
#include <stint/layers/state_dict.h>
#include <stint/runtime/parallel.h>
#include <stint/tools/trainer/checkpoint.h>
#include <stint/tools/trainer/files.h>

#include <nlohmann/json.hpp>

namespace stint {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

constexpr int format_version = 1;

/// What the bits of a run depend on besides its configuration.
Json determinism_key(const Training& training) {
  return {{"device", training.device().name()}, {"threads", thread_count()}, {"build", STINT_VERSION}};
}

std::string differences(const Json& saved, const Json& now) {
  std::string text;
  for (const auto& [key, value] : now.items()) {
    if (saved.contains(key) && saved[key] == value) continue;
    text += fmt::format("{}{} was {}, is {}", text.empty() ? "" : ", ", key,
                        saved.contains(key) ? saved[key].dump() : "unknown", value.dump());
  }
  return text;
}

void load_optimiser(const fs::path& file, LocalUpdate& optimiser) {
  std::map<std::string, Tensor> saved;
  for (auto& [name, tensor] : read_safetensors(file)) saved[name] = tensor;
  auto state = optimiser.state();
  bool fits = saved.size() == state.size();
  for (const auto& [name, tensor] : state) {
    auto found = saved.find(name);
    fits = fits && found != saved.end() && found->second.spec() == [&, spec = tensor.spec()]() mutable {
      spec.device = Device::cpu();
      return spec;
    }();
  }
  if (!fits) fail(ErrorKind::data, "checkpoint", "{} is not of this model and optimiser", file.string());
  for (const auto& [name, tensor] : state) tensor.copy_from(saved.at(name));
}

}  // namespace

void save_checkpoint(const fs::path& directory, Training& training, const Progress& progress,
                     const std::function<void(const fs::path&)>& beside) {
  ProfileRange range("checkpoint");
  fs::path aside = directory;
  aside += ".new";
  fs::remove_all(aside);
  fs::create_directories(aside);
  write_safetensors(aside / "model.safetensors", state_dict(training.state()), {{"format", "pt"}});
  write_safetensors(aside / "optimizer.safetensors", training.optimiser().state());
  Json state = {{"version", format_version},
                {"step", training.steps()},
                {"epoch", progress.epoch},
                {"batch", progress.batch},
                {"loss_sum", progress.loss_sum},
                {"epoch_seconds", progress.epoch_seconds},
                {"best_top1", progress.best_top1},
                {"optimiser_steps", training.optimiser().steps()},
                {"random", {{"seed", training.random().seed}, {"next", training.random().next}}},
                {"key", determinism_key(training)}};
  write_file(aside / "state.json", state.dump(2) + "\n");
  if (beside) beside(aside);
  replace_directory(aside, directory);
}

std::string load_checkpoint(const fs::path& directory, Training& training, Progress& progress) {
  fs::path file = directory / "state.json";
  try {
    Json state = Json::parse(read_file(file));
    if (state.at("version") != format_version) {
      fail(ErrorKind::data, "checkpoint", "{} has version {}, this build reads {}", file.string(),
           state.at("version").dump(), format_version);
    }
    load_state_dict(training.state(), read_safetensors(directory / "model.safetensors"));
    load_optimiser(directory / "optimizer.safetensors", training.optimiser());
    training.set_steps(state.at("step"));
    training.optimiser().set_steps(state.at("optimiser_steps"));
    training.random() = {state.at("random").at("seed"), state.at("random").at("next")};
    progress = {.epoch = state.at("epoch"),
                .batch = state.at("batch"),
                .loss_sum = state.at("loss_sum"),
                .epoch_seconds = state.at("epoch_seconds"),
                .best_top1 = state.at("best_top1")};
    return differences(state.at("key"), determinism_key(training));
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorKind::data, "checkpoint", "{} is malformed: {}", file.string(), error.what());
  }
}

fs::path find_weights(const fs::path& path) {
  for (const fs::path& candidate : {path, path / "model.safetensors", path / "checkpoints/last/model.safetensors"}) {
    if (fs::is_regular_file(candidate)) return candidate;
  }
  fail(ErrorKind::usage, "checkpoint", "{} is no run, checkpoint or safetensors file", path.string());
}

}  // namespace stint
