#include <fmt/chrono.h>
#include <fmt/ranges.h>
#include <stint/runtime/error.h>
#include <stint/tools/reproduce/record.h>
#include <stint/tools/trainer/files.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

namespace stint::reproduce {

namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

/// The measures that a table's columns and pictures show.
std::set<std::string> shown_measures(const Table& table) {
  std::set<std::string> names;
  for (const Column& column : table.columns) {
    names.insert({column.measure, column.when});
    if (column.as == Column::As::ideal) names.insert(ideal_measure);
  }
  for (const Picture& picture : table.pictures) {
    if (!picture.course) continue;
    names.insert(picture.x.begin(), picture.x.end());
    names.insert(picture.y.begin(), picture.y.end());
  }
  names.erase("");
  return names;
}

Measures only_shown(const Measures& measures, const std::set<std::string>& names) {
  Measures shown;
  for (const auto& epoch : measures) {
    auto& kept = shown.emplace_back();
    for (const auto& [name, value] : epoch) {
      if (names.contains(name)) kept[name] = value;
    }
  }
  return shown;
}

std::string number_text(double value) {
  if (!std::isfinite(value)) return "null";
  bool whole = value == std::floor(value) && std::abs(value) < 1e15;
  return whole ? fmt::format("{:.0f}", value) : fmt::format("{:.9g}", value);
}

/// A measure by epochs, `null` where it did not come.
std::string course_text(const Measures& measures, const std::string& name) {
  std::vector<std::string> numbers;
  for (const auto& epoch : measures) {
    auto value = epoch.find(name);
    numbers.push_back(number_text(value == epoch.end() ? NAN : value->second));
  }
  return fmt::format("    {}: [{}]", Json(name).dump(), fmt::join(numbers, ","));
}

std::string record_text(const Record& record) {
  const Circumstances& c = record.circumstances;
  Json head = {{"command", record.command}, {"status", record.failed ? "failed" : "finished"}};
  if (record.failed) head["reason"] = record.reason;
  if (!c.version.empty()) head["version"] = c.version;
  if (!c.cpu.empty()) head["cpu"] = c.cpu;
  if (!c.day.empty()) head["day"] = c.day;
  if (c.threads > 0) head["threads"] = c.threads;
  if (c.jobs > 0) head["jobs"] = c.jobs;
  std::string text = "{\n";
  for (const auto& [key, value] : head.items()) text += fmt::format("  {}: {},\n", Json(key).dump(), value.dump());
  std::set<std::string> names;
  for (const auto& epoch : record.measures) {
    for (const auto& [name, value] : epoch) names.insert(name);
  }
  std::vector<std::string> courses;
  for (const std::string& name : names) courses.push_back(course_text(record.measures, name));
  return text + fmt::format("  \"measures\": {{\n{}\n  }}\n}}\n", fmt::join(courses, ",\n"));
}

Record parse_record(const Json& json) {
  Record record{.failed = json.at("status") == "failed", .reason = json.value("reason", "")};
  record.command = json.at("command");
  record.circumstances = {.version = json.value("version", ""),
                          .cpu = json.value("cpu", ""),
                          .day = json.value("day", ""),
                          .threads = json.value("threads", std::int64_t{0}),
                          .jobs = json.value("jobs", std::int64_t{0})};
  for (const auto& [name, course] : json.at("measures").items()) {
    record.measures.resize(course.size());
    for (std::size_t epoch = 0; epoch < course.size(); ++epoch) {
      if (!course[epoch].is_null()) record.measures[epoch][name] = course[epoch].get<double>();
    }
  }
  return record;
}

struct Kept {
  Record record;
  bool whole;  ///< all that the table asks for today
};

std::optional<Kept> read_record(const Job& job) {
  fs::path file = job.run / record_file;
  if (!fs::exists(file)) return {};
  try {
    Json json = Json::parse(read_file(file));
    std::set<std::string> names = shown_measures(*job.table);
    bool whole = std::all_of(names.begin(), names.end(),
                             [&](const std::string& name) { return json.at("measures").contains(name); });
    return Kept{parse_record(json), whole};
  } catch (const Json::exception&) {
    fail(ErrorKind::data, "reproduce", "{} is damaged: remove it", file.string());
  }
}

}  // namespace

std::optional<Record> make_record(const Job& job) {
  Json json = Json::parse(fs::exists(job.run / "run.json") ? read_file(job.run / "run.json") : "{}", nullptr, false);
  Job::State state = job.state();
  bool failed = state == Job::State::begun && json.is_object() && json.value("status", "") == "failed";
  if (state != Job::State::finished && !failed) return {};
  Record record{.failed = failed, .command = job.command_text()};
  if (failed) {
    record.reason = json.value("reason", "");
  } else {
    Measures measures = read_measures(job);
    double end = measures.empty() || !measures.back().contains("time") ? NAN : measures.back()["time"];
    if (!std::isnan(end)) {
      record.circumstances.day = fmt::format("{:%Y-%m-%d}", fmt::gmtime(static_cast<std::time_t>(end)));
    }
    record.measures = only_shown(measures, shown_measures(*job.table));
  }
  record.circumstances.version = json.value("version", "");
  record.circumstances.threads = json.value("threads", std::int64_t{0});
  return record;
}

void write_record(const fs::path& run, const Record& record) {
  fs::create_directories(run);
  write_file(run / record_file, record_text(record));
}

std::optional<Record> find_record(const Job& job) {
  auto kept = read_record(job);
  if (kept && kept->whole) return kept->record;
  auto made = make_record(job);
  if (!made) return kept ? std::optional(kept->record) : std::nullopt;
  if (kept) made->circumstances = kept->record.circumstances;  // they tell what the run's own files do not
  write_record(job.run, *made);
  return read_record(job)->record;
}

}  // namespace stint::reproduce
