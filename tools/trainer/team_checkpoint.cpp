#include <fmt/format.h>
#include <stint/layers/safetensors.h>
#include <stint/runtime/host_copy.h>
#include <stint/tools/trainer/files.h>
#include <stint/tools/trainer/team_checkpoint.h>

#include <nlohmann/json.hpp>

namespace stint {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

fs::path file_of(const fs::path& directory, int rank, const char* ending) {
  return directory / fmt::format("rank-{}.{}", rank, ending);
}

[[noreturn]] void malformed(const fs::path& file, const nlohmann::json::exception& error) {
  fail(ErrorKind::data, "checkpoint", "{} is malformed: {}", file.string(), error.what());
}

/// All that is this worker's own, live.
std::vector<NamedTensor> tensors_of(Training& training, Synchroniser& synchroniser) {
  std::vector<NamedTensor> all;
  for (const NamedTensor& each : synchroniser.own_model()) {
    if (each.tensor.count() > 0) all.push_back(each);
  }
  for (const NamedTensor& each : training.optimiser().state()) all.push_back({"optimiser." + each.name, each.tensor});
  for (const NamedTensor& each : synchroniser.algorithm().state()) {
    if (each.tensor.count() > 0) all.push_back({"algorithm." + each.name, each.tensor});
  }
  return all;
}

enum class Others { allowed, refused };

/// Copies into these what the file has under their names.
void read_tensors(const fs::path& file, const std::vector<NamedTensor>& into, Others others) {
  std::map<std::string, StoredTensor> saved;
  for (StoredTensor& each : open_safetensors(file)) saved[each.name] = each;
  bool whole = others == Others::allowed || saved.size() == into.size();
  std::vector<std::byte> scratch;
  for (const NamedTensor& each : into) {
    auto found = saved.find(each.name);
    bool fits = whole && found != saved.end() && found->second.shape.count() == each.tensor.count() &&
                found->second.dtype == each.tensor.dtype();
    if (!fits) {
      fail(ErrorKind::data, "checkpoint", "{} is not of this model, optimiser and --sync: {} does not fit",
           file.string(), each.name);
    }
    copy_from_host(found->second.elements(scratch), each.tensor);
  }
}

void check_world(const Json& saved, const fs::path& directory, int workers, bool mid_epoch) {
  auto before = saved.at("workers").get<int>();
  if (mid_epoch) {
    fail(ErrorKind::usage, "resume",
         "{} is from the middle of an epoch that {} workers share out, now there are {}: --allow-world-change goes on "
         "from their common model at the start of the epoch",
         directory.string(), before, workers);
  }
  if (saved.at("nothing_of_its_own").get<bool>()) return;
  fail(ErrorKind::usage, "resume",
       "{} is of {} workers that each remember something of their own, now there are {}: --allow-world-change goes on "
       "from their common model",
       directory.string(), before, workers);
}

/// The group goes on counting.
void set_traffic(const Json& saved, Synchroniser& synchroniser) {
  synchroniser.algorithm().set_rounds(saved.at("rounds"));
  dist::Traffic traffic;
  traffic.sent = saved.at("sent");
  traffic.received = saved.at("received");
  synchroniser.group().set_traffic(traffic);
}

void set_counters(const Json& saved, Synchroniser& synchroniser) {
  synchroniser.algorithm().set_counters(saved.at("counters").get<std::vector<double>>());
}

/// One copy of what was common to workers of another number.
void read_common(const Json& saved, const fs::path& directory, Synchroniser& synchroniser) {
  set_traffic(saved, synchroniser);
  if (!saved.at("nothing_of_its_own").get<bool>()) return;
  set_counters(saved, synchroniser);
  std::vector<NamedTensor> common = synchroniser.algorithm().common_state();
  for (NamedTensor& each : common) each.name = "algorithm." + each.name;
  read_tensors(file_of(directory, 0, "safetensors"), common, Others::allowed);
}

}  // namespace

void save_worker(const fs::path& directory, Training& training, Synchroniser& synchroniser) {
  int rank = synchroniser.group().rank();
  dist::Algorithm& algorithm = synchroniser.algorithm();
  write_safetensors(file_of(directory, rank, "safetensors"), tensors_of(training, synchroniser));
  const dist::Traffic& traffic = synchroniser.group().traffic();
  Json json = {{"workers", synchroniser.group().size()},
               {"algorithm", synchroniser.name()},
               {"nothing_of_its_own", algorithm.nothing_of_its_own()},
               {"counters", algorithm.counters()},
               {"rounds", algorithm.rounds()},
               {"random", {{"seed", training.random().seed}, {"next", training.random().next}}},
               {"sent", traffic.sent},
               {"received", traffic.received}};
  write_file(file_of(directory, rank, "json"), json.dump(2) + "\n");
}

void check_algorithm(const fs::path& directory, const std::string& name) {
  fs::path first = file_of(directory, 0, "json");
  std::string before = "none";
  try {
    if (fs::exists(first)) before = Json::parse(read_file(first)).value("algorithm", name);
  } catch (const nlohmann::json::exception& error) {
    malformed(first, error);
  }
  if (before == name) return;
  fail(
      ErrorKind::usage, "resume",
      "{} is of --sync {}, now it is {}: a run goes on with what it began with; --pretrained begins a new one with its "
      "weights",
      directory.string(), before, name);
}

bool load_worker(const fs::path& directory, Training& training, Synchroniser& synchroniser, Progress& progress,
                 bool world_change) {
  int rank = synchroniser.group().rank(), workers = synchroniser.group().size();
  fs::path mine = file_of(directory, rank, "json");
  try {
    Json saved = Json::parse(read_file(file_of(directory, 0, "json")));
    if (saved.at("workers") != workers) {
      if (!world_change) check_world(saved, directory, workers, progress.step > 0);
      training.random().next += static_cast<std::uint64_t>(rank) << 40;  // as at the start: every worker draws its own
      read_common(saved, directory, synchroniser);
      progress = {.epoch = progress.epoch,
                  .best_top1 = progress.best_top1,
                  .emulated_seconds = progress.emulated_seconds,
                  .emulated_waited = progress.emulated_waited};
      return false;
    }
    saved = Json::parse(read_file(mine));
    read_tensors(file_of(directory, rank, "safetensors"), tensors_of(training, synchroniser), Others::refused);
    training.state().refresh_twin();
    set_traffic(saved, synchroniser);
    set_counters(saved, synchroniser);
    training.random() = {saved.at("random").at("seed"), saved.at("random").at("next")};
    return true;
  } catch (const nlohmann::json::exception& error) {
    malformed(mine, error);
  }
}

}  // namespace stint
