#include <stint/dist/link_model.h>
#include <stint/runtime/error.h>
#include <stint/tools/reproduce/measures.h>
#include <stint/tools/trainer/files.h>
#include <stint/tools/trainer/run_history.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

namespace stint::reproduce {

namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

/// The numbers of each epoch's line, by epoch.
std::map<std::int64_t, std::map<std::string, double>> epoch_lines(const fs::path& file) {
  std::map<std::int64_t, std::map<std::string, double>> found;
  if (!fs::exists(file)) return found;
  std::istringstream lines(read_file(file));
  for (std::string text; std::getline(lines, text);) {
    Json line = Json::parse(text, nullptr, false);
    if (!line.is_object() || !line.contains("eval_loss")) continue;
    auto& numbers = found[line.value("epoch", std::int64_t{-1})];
    for (const auto& [key, value] : line.items()) {
      if (value.is_number()) numbers[key] = value.get<double>();
    }
  }
  return found;
}

/// Of the worker whose figures these are.
double link_ratio(const dist::LinkModel& link, const std::map<std::string, double>& epoch) {
  auto bytes_of_meeting = [&](const char* key) {
    return static_cast<std::uint64_t>(epoch.at(key) / epoch.at("sync_rounds"));
  };
  double communication =
      link.seconds(dist::Operation::all_reduce, bytes_of_meeting("wire_tx_bytes"), bytes_of_meeting("wire_rx_bytes"));
  return communication / ((epoch.at("emulated_s") - epoch.at("emulated_wait_s")) / epoch.at("step"));
}

Measures read_training(const Job& job) {
  Measures measures = read_history(job.run).epochs;
  auto lines = epoch_lines(job.run / "metrics.jsonl");
  std::string net = job.flag("--net");
  double seconds = 0;
  for (auto& epoch : measures) {
    epoch.merge(lines[static_cast<std::int64_t>(epoch["epoch"])]);
    epoch["epochs"] = epoch["epoch"] + 1;
    epoch["total_s"] = seconds += epoch["time_s"];
    bool met = epoch.contains("emulated_s") && epoch["sync_rounds"] > 0;
    if (met && !net.empty()) epoch[ideal_measure] = link_ratio(dist::LinkModel::parse(net), epoch);
  }
  return measures;
}

/// Adds what was dropped of a slot of the ledger, and what it would take in other layouts.
void add_slot(const Json& slot, double gamma, std::map<std::string, double>& sums) {
  double held = slot.at("held_bytes");
  if (slot.at("policy") != "drop" || held == 0) return;  // 0: of a storage that another slot has counted
  double dense = slot.at("dense_bytes"), size = slot.at("dtype") == "bf16" ? 2 : 4, elements = dense / size;
  double kept = std::floor(elements * (1.0 - gamma));
  double int32 = kept * (size + 4), bitmask = kept * size + std::ceil(elements / 8);
  bool bits = slot.at("encoding").get<std::string>().ends_with("bitmask");
  sums["dropped_slots"] += 1;
  sums["dropped_dense_bytes"] += dense;
  sums["dropped_held_bytes"] += held;
  sums["beyond_bytes"] += held - (bits ? bitmask : int32);
  sums["int32_bytes"] += int32;
  sums["int64_bytes"] += kept * (size + 8);
  sums["bitmask_bytes"] += bitmask;
}

Measures report_numbers(const Json& json, double gamma) {
  std::map<std::string, double> numbers;
  for (const auto& [key, value] : json.items()) {
    if (value.is_number()) numbers[key] = value.get<double>();
  }
  for (const Json& slot : json.value("slots", Json::array())) add_slot(slot, gamma, numbers);
  if (numbers.contains("dropped_slots")) {
    numbers["beyond_bytes"] /= numbers["dropped_slots"];
    numbers["dropped_change"] = 100 * (numbers["dropped_held_bytes"] / numbers["dropped_dense_bytes"] - 1);
  }
  for (const Json& stage : json.value("stages", Json::array())) {
    numbers["stages"] += 1;
    numbers["stage_rounds"] += stage.at("rounds").get<double>();
    numbers["stage_steps"] += stage.at("steps").get<double>();
  }
  return {numbers};
}

Measures read_report(const fs::path& file, double gamma) {
  try {
    return report_numbers(Json::parse(read_file(file)), gamma);
  } catch (const Json::exception&) {
    fail(ErrorKind::data, "reproduce", "{} is damaged: remove its run", file.string());
  }
}

}  // namespace

Measures read_measures(const Job& job) {
  return job.prints ? read_report(job.run / "report.json", job.row->x) : read_training(job);
}

double value_of(const Column& column, const Measures& measures) {
  double found = NAN;
  for (const auto& epoch : measures) {
    auto value = epoch.find(column.measure);
    if (value == epoch.end()) continue;
    if (!column.when.empty()) {
      auto moment = epoch.find(column.when);
      if (moment == epoch.end()) continue;
      if (column.falling ? moment->second <= column.at_least : moment->second >= column.at_least) return value->second;
      continue;
    }
    bool better = !column.best || std::isnan(found) || value->second > found;
    if (better) found = value->second;
  }
  return found;
}

}  // namespace stint::reproduce
