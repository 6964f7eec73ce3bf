#include <stint/runtime/error.h>
#include <stint/tools/reproduce/job.h>
#include <stint/tools/trainer/files.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <sstream>

namespace stint::reproduce {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

namespace {

constexpr const char* command_file = "command.txt";

/// The words of a text, `$name` replaced by the tier's value.
Words words_of(const std::string& text, const Table& table, const Tier& tier) {
  Words words;
  std::istringstream stream(text);
  for (std::string word; stream >> word;) {
    for (std::size_t at = word.find('$'); at != std::string::npos; at = word.find('$', at)) {
      std::size_t end = std::min(word.find_first_not_of("abcdefghijklmnopqrstuvwxyz_", at + 1), word.size());
      auto value = tier.values.find(word.substr(at + 1, end - at - 1));
      if (value == tier.values.end()) {
        fail(ErrorKind::usage, "reproduce", "table {}: {} has no value in this tier", table.name, word);
      }
      word.replace(at, end - at, value->second);
    }
    words.push_back(word);
  }
  return words;
}

void append(Words& words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
}

std::string run_name(const std::string& row, std::int64_t seed) {
  return row + "-" + std::to_string(seed);
}

/// Where its data lies. Errors: nobody said so.
Words data_words(const Job& job, const Request& request) {
  std::string dataset = dataset_of(job);
  if (dataset.empty()) return {};
  auto found = request.data.find(dataset);
  if (found == request.data.end()) found = request.data.find("");
  if (found != request.data.end()) return {"--data-dir", found->second};
  fail(ErrorKind::usage, "reproduce", "expected --data-dir {}=PATH: where the data set lies", dataset);
}

Words command_of(const Table& table, const Row& row, const Tier& tier, std::int64_t seed) {
  Words words;
  if (row.processes > 1) words = {"launch", "-n", std::to_string(row.processes), "--"};
  append(words, words_of(row.command, table, tier));
  append(words, words_of(table.arguments, table, tier));
  append(words, words_of(tier.arguments, table, tier));
  append(words, words_of(row.arguments, table, tier));
  append(words, {"--seed", std::to_string(seed)});
  return words;
}

/// The run's directory is the child's to make: until it is finished, its command stands beside it.
fs::path begun_note(const Job& job) {
  return job.run.string() + ".command";
}

bool is_status(const fs::path& run, const std::string& status) {
  if (!fs::exists(run / "run.json")) return false;
  auto json = nlohmann::json::parse(read_file(run / "run.json"), nullptr, false);
  return json.is_object() && json.value("status", nlohmann::json()) == status;
}

std::string quoted(const std::string& word) {
  std::string text;
  for (char c : word) text += c == '\'' ? "'\\''" : std::string(1, c);
  return "'" + text + "'";
}

/// The note's text; older ones have no mark before the second line.
std::string read_note(const fs::path& note) {
  std::string text = fs::exists(note) ? read_file(note) : "";
  std::size_t from = text.find("\nfrom: ");
  return from == std::string::npos ? text : text.insert(from + 1, "# ");
}

}  // namespace

fs::path folder_of(const Table& table, const std::string& tier, const fs::path& output) {
  std::string name = table.name + "-" + tier;
  std::replace(name.begin(), name.end(), '/', '-');
  return output / name;
}

std::string Job::command_text() const {
  std::string text = "stint " + shell_text(command) + "\n";
  return start.empty() ? text : text + "# from: stint " + shell_text(start) + "\n";
}

std::string Job::flag(const std::string& name) const {
  std::string value;
  for (std::size_t i = 0; i + 1 < command.size(); ++i) {
    if (command[i] == name) value = command[i + 1];
  }
  return value;
}

Job::State Job::state() const {
  if (!fs::exists(run)) return State::fresh;
  auto is_noted = [&](const fs::path& note) { return read_note(note) == command_text(); };
  bool done = prints ? fs::exists(run / "report.json") : is_status(run, "finished");
  if (done && fs::exists(run / command_file)) return is_noted(run / command_file) ? State::finished : State::stale;
  if (prints) return State::fresh;
  return is_noted(begun_note(*this)) ? State::begun : State::stale;
}

std::vector<Job> jobs_of(const Table& table, const Row& row, const Request& request) {
  const Tier& tier = table.tiers.at(request.tier);
  fs::path folder = folder_of(table, request.tier, request.output);
  std::vector<Job> jobs;
  for (std::int64_t seed : request.seeds.empty() ? tier.seeds : request.seeds) {
    Job job{.table = &table,
            .row = &row,
            .run = folder / run_name(row.name, seed),
            .command = command_of(table, row, tier, seed)};
    job.prints = row.command != "train";
    if (job.prints) job.command.push_back("--json");
    job.here = data_words(job, request);
    if (request.threads > 0) append(job.here, {"--threads", std::to_string(request.threads)});
    if (!row.from.empty()) {
      job.start = command_of(table, *table.find_row(row.from), tier, seed);
      append(job.here, {"--pretrained", (folder / run_name(row.from, seed)).string()});
    }
    if (!job.prints) append(job.here, {"--output", folder.string(), "--experiment", job.run.filename().string()});
    jobs.push_back(job);
  }
  return jobs;
}

std::string dataset_of(const Job& job) {
  std::string dataset = job.flag("--dataset");
  return dataset == "digits" || dataset == "synthetic" ? "" : dataset;
}

std::string data_variable(const std::string& dataset) {
  std::string name;
  for (char c : dataset) name += std::isalnum(static_cast<unsigned char>(c)) ? static_cast<char>(std::toupper(c)) : '_';
  return "\"$" + name + "\"";
}

std::string paste_text(const Job& job) {
  std::string text = "stint " + shell_text(job.command), dataset = dataset_of(job);
  Words rest = job.here;
  if (!dataset.empty()) {  // the first two say where it lies here
    text += " --data-dir " + data_variable(dataset);
    rest.erase(rest.begin(), rest.begin() + 2);
  }
  return rest.empty() ? text : text + " " + shell_text(rest);
}

std::string shell_text(const Words& words) {
  std::string text;
  for (const std::string& word : words) {
    bool plain = word.find_first_of(" \t\n;&|<>()$'`\"*?#~[]{}\\") == std::string::npos && !word.empty();
    text += (text.empty() ? "" : " ") + (plain ? word : quoted(word));
  }
  return text;
}

void note_begun(const Job& job) {
  write_file(begun_note(job), job.command_text());
}

void note_finished(const Job& job) {
  fs::rename(begun_note(job), job.run / command_file);
}

}  // namespace stint::reproduce
