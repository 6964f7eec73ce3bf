#include <fmt/format.h>
#include <stint/kernels/cpu_arithmetic.h>
#include <stint/layers/safetensors.h>
#include <stint/layers/state_dict.h>
#include <stint/runtime/host_copy.h>
#include <stint/runtime/parallel.h>
#include <stint/tools/trainer/checkpoint.h>
#include <stint/tools/trainer/checkpoint_state.h>
#include <stint/tools/trainer/checksum.h>
#include <stint/tools/trainer/files.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace stint {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

/// What the bits of a run depend on besides its configuration.
Json determinism_key(const Training& training) {
  Json key = {{"device", training.device().name()}, {"threads", thread_count()}, {"build", STINT_VERSION}};
  if (training.device() == Device::cpu()) key["arithmetic"] = cpu_arithmetic();
  return key;
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
  std::map<std::string, StoredTensor> saved;
  for (StoredTensor& each : open_safetensors(file)) saved[each.name] = each;
  auto state = optimiser.state();
  bool fits = saved.size() == state.size();
  for (const auto& [name, tensor] : state) {
    auto found = saved.find(name);
    fits =
        fits && found != saved.end() && found->second.shape == tensor.shape() && found->second.dtype == tensor.dtype();
  }
  if (!fits) fail(ErrorKind::data, "checkpoint", "{} is not of this model and optimiser", file.string());
  std::vector<std::byte> scratch;
  for (const auto& [name, tensor] : state) copy_from_host(saved.at(name).elements(scratch), tensor);
}

/// Under torchvision's names and layouts, with what images must go through.
void write_weights(const fs::path& file, const Training& training) {
  write_safetensors(file, stored_state(training.state()), {{"format", "pt"}, {"input", to_text(training.input())}});
}

std::vector<std::string> files_in(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

void save_checkpoint(const fs::path& directory, Training& training, const Progress& progress,
                     const FilesBeside& beside) {
  ProfileRange range("checkpoint");
  fs::path aside = directory;
  aside += ".new";
  fs::remove_all(aside);
  fs::create_directories(aside);
  write_weights(aside / "model.safetensors", training);
  write_safetensors(aside / "optimizer.safetensors", training.optimiser().state());
  if (training.ema()) {
    EmaScope averaged(training.ema());
    write_weights(aside / "ema.safetensors", training);
  }
  if (beside) beside(aside);
  Json files = Json::object();
  for (const std::string& name : files_in(aside)) {
    files[name] = {{"bytes", fs::file_size(aside / name)}, {"xxh3_128", checksum_of_file(aside / name)}};
  }
  Json state = {{"version", checkpoint_version},
                {"step", training.steps()},
                {"epoch", progress.epoch},
                {"step_of_epoch", progress.step},
                {"skipped_of_epoch", progress.skipped},
                {"loss_sum", progress.loss_sum},
                {"epoch_seconds", progress.epoch_seconds},
                {"waited_seconds", progress.waited_seconds},
                {"best_top1", progress.best_top1},
                {"emulated_seconds", progress.emulated_seconds},
                {"emulated_waited", progress.emulated_waited},
                {"optimiser_steps", training.optimiser().steps()},
                {"random", {{"seed", training.random().seed}, {"next", training.random().next}}},
                {"key", determinism_key(training)},
                {"files", files}};
  write_file(aside / "state.json", checkpoint_state_text(state));
  replace_directory(aside, directory);
}

std::string load_checkpoint(const fs::path& directory, Training& training, Progress& progress) {
  verify_checkpoint(directory);
  Json state = read_checkpoint_state(directory / "state.json");
  load_state_dict(training.state(), open_safetensors(directory / "model.safetensors"));
  load_optimiser(directory / "optimizer.safetensors", training.optimiser());
  bool averaged = state["files"].contains("ema.safetensors");
  if (averaged != (training.ema() != nullptr)) {
    fail(ErrorKind::data, "checkpoint", "{} has {} average of the weights: {} --model-ema", directory.string(),
         averaged ? "an" : "no", averaged ? "give" : "leave out");
  }
  if (averaged) {
    EmaScope scope(training.ema());
    load_state_dict(training.state(), open_safetensors(directory / "ema.safetensors"));
  }
  try {
    training.set_steps(state.at("step"));
    training.optimiser().set_steps(state.at("optimiser_steps"));
    training.random() = {state.at("random").at("seed"), state.at("random").at("next")};
    progress = {.epoch = state.at("epoch"),
                .step = state.at("step_of_epoch"),
                .skipped = state.value("skipped_of_epoch", std::int64_t{0}),
                .loss_sum = state.at("loss_sum").is_null() ? std::nan("") : state.at("loss_sum").get<double>(),
                .epoch_seconds = state.at("epoch_seconds"),
                .waited_seconds = state.value("waited_seconds", 0.0),
                .best_top1 = state.at("best_top1"),
                .emulated_seconds = state.value("emulated_seconds", 0.0),
                .emulated_waited = state.value("emulated_waited", 0.0)};
    return differences(state.at("key"), determinism_key(training));
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorKind::data, "checkpoint", "{} is malformed: {}", (directory / "state.json").string(), error.what());
  }
}

std::vector<std::string> CheckpointStore::names() const {
  std::vector<std::string> found;
  if (!fs::is_directory(path_)) return found;
  for (const auto& entry : fs::directory_iterator(path_)) {
    std::string name = entry.path().filename();
    bool whole = name.starts_with("step-") && name.find('.') == std::string::npos;
    if (whole && entry.is_directory()) found.push_back(name);
  }
  std::sort(found.rbegin(), found.rend());
  return found;
}

void CheckpointStore::save(Training& training, const Progress& progress, bool best, const FilesBeside& beside) {
  fs::create_directories(path_);
  std::string name = fmt::format("step-{:010}", training.steps());
  save_checkpoint(path_ / name, training, progress, beside);
  link("last", name);
  if (best) link("best", name);
  for (const std::string& other : names()) {
    if (other > name) fs::remove_all(path_ / other);  // damaged: the run has passed it over
  }
  prune();
}

/// A link is renamed over the old one, so there is one at any time.
void CheckpointStore::link(const std::string& name, const std::string& to) const {
  fs::path aside = path_ / (name + ".new");
  fs::remove(aside);
  fs::create_directory_symlink(to, aside);
  fs::rename(aside, path_ / name);
  sync_directory(path_);
}

/// Also what a kill or a full disk has left of others.
void CheckpointStore::prune() const {
  std::vector<fs::path> torn;
  for (const auto& entry : fs::directory_iterator(path_)) {
    std::string name = entry.path().filename();
    if (name.starts_with("step-") && name.find('.') != std::string::npos) torn.push_back(entry.path());
  }
  for (const fs::path& directory : torn) fs::remove_all(directory);
  std::error_code none;
  std::string best = fs::read_symlink(path_ / "best", none);
  std::vector<std::string> all = names();
  for (std::size_t i = static_cast<std::size_t>(newest_); i < all.size(); ++i) {
    if (all[i] != best) fs::remove_all(path_ / all[i]);
  }
}

fs::path CheckpointStore::load_newest(Training& training, Progress& progress, std::string& note) const {
  std::string passed;
  for (const std::string& name : names()) {
    try {
      verify_checkpoint(path_ / name);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::data) throw;
      passed += (passed.empty() ? "" : "; ") + std::string(error.what());
      continue;
    }
    std::string other = load_checkpoint(path_ / name, training, progress);
    if (!other.empty()) note = "resumed under other conditions, so not bit-exact: " + other;
    if (!passed.empty()) note += (note.empty() ? "" : "; ") + fmt::format("{}; going on from {}", passed, name);
    return path_ / name;
  }
  fail(ErrorKind::data, "checkpoint", "no checkpoint in {} is whole: {}", path_.string(), passed);
}

fs::path find_weights(const fs::path& path) {
  for (const fs::path& directory : {path / "checkpoints/last", path}) {
    if (!fs::exists(directory / "state.json")) continue;
    verify_checkpoint(directory);
    fs::path averaged = directory / "ema.safetensors";
    return fs::exists(averaged) ? averaged : directory / "model.safetensors";
  }
  for (const fs::path& file : {path, path / "model.safetensors"}) {
    if (fs::is_regular_file(file)) return file;
  }
  fail(ErrorKind::usage, "checkpoint", "{} is no run, checkpoint or safetensors file", path.string());
}

}  // namespace stint
