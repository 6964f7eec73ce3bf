#include <fmt/format.h>
#include <stint/layers/safetensors.h>
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

void read_tensors(const fs::path& file, const std::vector<NamedTensor>& into) {
  std::map<std::string, Tensor> saved;
  for (auto& [name, tensor] : read_safetensors(file)) saved[name] = tensor;
  for (const NamedTensor& each : into) {
    auto found = saved.find(each.name);
    if (found == saved.end() || found->second.count() != each.tensor.count() || saved.size() != into.size()) {
      fail(ErrorKind::data, "checkpoint", "{} is not of this model, optimiser and --sync: {} does not fit",
           file.string(), each.name);
    }
    each.tensor.copy_from(found->second);
  }
}

/// Whether the common model says everything about every worker.
bool nothing_of_its_own(Synchroniser& synchroniser) {
  return synchroniser.algorithm().replicas_agree() && synchroniser.algorithm().state().empty();
}

void check_world(const Json& saved, const fs::path& directory, int workers, bool world_change) {
  if (saved.at("nothing_of_its_own").get<bool>() || world_change) return;
  fail(ErrorKind::usage, "resume",
       "{} is of {} workers that each remember something of their own, now there are {}: --allow-world-change goes on "
       "from their common model",
       directory.string(), saved.at("workers").get<int>(), workers);
}

/// What one algorithm remembers is nothing to another.
void check_algorithm(const Json& saved, const fs::path& directory, const std::string& name) {
  std::string before = saved.value("algorithm", name);
  if (before == name) return;
  fail(
      ErrorKind::usage, "resume",
      "{} is of --sync {}, now it is {}: a run goes on with what it began with; --pretrained begins a new one with its "
      "weights",
      directory.string(), before, name);
}

/// The group goes on where it was: what it counts, and where its schedule is.
void set_progress(const Json& saved, Synchroniser& synchroniser) {
  synchroniser.algorithm().set_counters(saved.at("counters").get<std::vector<double>>());
  synchroniser.algorithm().set_rounds(saved.at("rounds"));
  dist::Traffic traffic;
  traffic.sent = saved.at("sent");
  traffic.received = saved.at("received");
  synchroniser.group().set_traffic(traffic);
}

}  // namespace

void save_worker(const fs::path& directory, Training& training, Synchroniser& synchroniser) {
  int rank = synchroniser.group().rank();
  dist::Algorithm& algorithm = synchroniser.algorithm();
  write_safetensors(file_of(directory, rank, "safetensors"), tensors_of(training, synchroniser));
  const dist::Traffic& traffic = synchroniser.group().traffic();
  Json json = {{"workers", synchroniser.group().size()},
               {"algorithm", synchroniser.name()},
               {"nothing_of_its_own", nothing_of_its_own(synchroniser)},
               {"counters", algorithm.counters()},
               {"rounds", algorithm.rounds()},
               {"random", {{"seed", training.random().seed}, {"next", training.random().next}}},
               {"sent", traffic.sent},
               {"received", traffic.received}};
  write_file(file_of(directory, rank, "json"), json.dump(2) + "\n");
}

bool load_worker(const fs::path& directory, Training& training, Synchroniser& synchroniser, bool world_change) {
  int rank = synchroniser.group().rank(), workers = synchroniser.group().size();
  fs::path first = file_of(directory, 0, "json"), mine = file_of(directory, rank, "json");
  if (!fs::exists(first)) return false;  // of a run of one worker
  try {
    Json saved = Json::parse(read_file(first));
    check_algorithm(saved, directory, synchroniser.name());
    if (saved.at("workers") != workers) {
      training.random().next += static_cast<std::uint64_t>(rank) << 40;  // as at the start: every worker draws its own
      check_world(saved, directory, workers, world_change);
      if (saved.at("nothing_of_its_own").get<bool>()) set_progress(saved, synchroniser);
      return false;
    }
    saved = Json::parse(read_file(mine));
    read_tensors(file_of(directory, rank, "safetensors"), tensors_of(training, synchroniser));
    training.state().refresh_twin();
    set_progress(saved, synchroniser);
    training.random() = {saved.at("random").at("seed"), saved.at("random").at("next")};
    return true;
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorKind::data, "checkpoint", "{} is malformed: {}", mine.string(), error.what());
  }
}

}  // namespace stint
