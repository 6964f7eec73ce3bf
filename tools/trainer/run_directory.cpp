#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <stint/runtime/parallel.h>
#include <stint/tools/config/json_text.h>
#include <stint/tools/trainer/files.h>
#include <stint/tools/trainer/probe.h>
#include <stint/tools/trainer/run_directory.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <nlohmann/json.hpp>
#include <sstream>

namespace stint {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

constexpr const char* summary_columns =
    "epoch,train_loss,eval_loss,eval_top1,eval_top5,lr,time_s,peak_mem_bytes,saved_act_bytes,wire_tx_bytes,"
    "wire_rx_bytes,sync_rounds,waited_s,worker_spread,compression_error";

std::string summary_header() {
  std::string header = summary_columns;
  for (const char* direction : {"tx", "rx"}) {
    for (std::string_view purpose : dist::payload_names) header += fmt::format(",{}_{}_bytes", direction, purpose);
  }
  return header + "\n";
}

std::string summary_row(const EpochSummary& s) {
  SyncMetrics sync = s.sync.value_or(SyncMetrics{});
  const dist::Traffic& traffic = sync.traffic;
  return fmt::format("{},{:.6f},{:.6f},{:.2f},{:.2f},{:.8g},{:.3f},{},{},{},{},{},{:.3f},{:.6g},{:.6g},{},{}\n",
                     s.epoch, s.train_loss, s.eval.loss, s.eval.top1, s.eval.top5, s.lr, s.seconds,
                     s.memory.peak.total(), s.memory.saved_activations, traffic.total_sent(), traffic.total_received(),
                     sync.rounds, sync.waited_seconds, s.spread, s.compression_error, fmt::join(traffic.sent, ","),
                     fmt::join(traffic.received, ","));
}

/// Makes a directory that was not there; false if it was.
bool claim(const fs::path& path) {
  std::error_code error;
  bool made = fs::create_directory(path, error);
  if (error) fail(ErrorKind::runtime, "run", "cannot make {}: {}", path.string(), error.message());
  return made;
}

fs::path claim_run(const Config& config) {
  fs::path output = config.log.output;
  std::error_code error;
  fs::create_directories(output, error);
  if (error) fail(ErrorKind::usage, "log.output", "cannot make {}: {}", output.string(), error.message());
  if (!config.log.experiment.empty()) {
    fs::path path = output / config.log.experiment;
    if (!claim(path)) {
      fail(ErrorKind::usage, "run", "{} exists and is never overwritten: another --experiment, or --resume {}",
           path.string(), path.string());
    }
    return path;
  }
  std::string stamp = fmt::format("{:%Y%m%d-%H%M%S}", fmt::localtime(std::time(nullptr)));
  for (int number = 1;; ++number) {
    fs::path path = output / (number == 1 ? stamp : fmt::format("{}-{}", stamp, number));
    if (claim(path)) return path;
  }
}

/// Whether a run was begun here: it may have been killed before it had written anything.
bool is_run(const fs::path& path) {
  std::error_code none;
  return fs::is_directory(path, none) &&
         (fs::is_empty(path, none) || fs::exists(path / "args.yaml") || fs::exists(path / "args.yaml.new"));
}

/// Held for as long as somebody has it. A file system that knows no locks is taken at its word.
std::shared_ptr<const int> lock_directory(const fs::path& path) {
  int descriptor = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  std::shared_ptr<const int> lock(new int(descriptor), [](const int* d) {
    if (*d >= 0) close(*d);
    delete d;
  });
  if (descriptor >= 0 && flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    fail(ErrorKind::usage, "run", "{} is being trained by another process", path.string());
  }
  return lock;
}

/// Leaves the first `epochs` rows. A run that was begun before there were the last columns has zeros there.
void cut_back_summary(const fs::path& file, std::int64_t epochs) {
  auto commas = [](const std::string& text) { return std::count(text.begin(), text.end(), ','); };
  std::istringstream lines(read_file(file));
  std::string kept = summary_header(), line;
  auto columns = commas(kept);
  std::getline(lines, line);
  for (std::int64_t number = 0; number < epochs && std::getline(lines, line); ++number) {
    while (commas(line) < columns) line += ",0";
    kept += line + "\n";
  }
  write_file(file, kept);
}

/// What every run has from its beginning, as far as it is not there yet.
void begin(const fs::path& path, Config config) {
  config.resume.clear();  // of this start alone
  write_file(path / "args.yaml", to_yaml(config));
  if (config.model.is_defined() && !fs::exists(definition_of(path))) {
    write_file(definition_of(path), read_file(config.model.source()));
  }
  if (!fs::exists(path / "summary.csv")) write_file(path / "summary.csv", summary_header());
  fs::create_directory(checkpoints_of(path));
}

/// The run of its newest checkpoint, which is what a run goes on from.
fs::path run_of_newest(const fs::path& checkpoint) {
  fs::path run = checkpoint.parent_path().parent_path();
  CheckpointStore checkpoints(checkpoints_of(run), 1);
  if (!is_run(run) || checkpoints.empty()) fail(ErrorKind::usage, "resume", "{} is of no run", checkpoint.string());
  if (checkpoint.filename() == checkpoints.newest()) return run;
  fail(ErrorKind::usage, "resume",
       "{} is not the newest checkpoint of its run: --resume {} goes on from {}; --pretrained {} begins a new run with "
       "its weights",
       checkpoint.filename().string(), run.string(), checkpoints.newest(), checkpoint.string());
}

}  // namespace

RunDirectory RunDirectory::create(const Config& config) {
  fs::path path = claim_run(config);
  begin(path, config);
  RunDirectory run(path, config.log.checkpoint_hist, 0, 0);
  run.lock_ = lock_directory(path);
  run.set_status("running");
  return run;
}

RunDirectory RunDirectory::reopen(const Config& config, const fs::path& path, std::int64_t step, std::int64_t epoch) {
  auto lock = lock_directory(path);
  begin(path, config);
  cut_back_summary(path / "summary.csv", epoch);
  forget_probes(path, step);
  RunDirectory run(path, config.log.checkpoint_hist, step, epoch);
  run.lock_ = lock;
  run.set_status("running");
  return run;
}

void RunDirectory::append(const EpochSummary& s, std::int64_t step) {
  write_file(path_ / "summary.csv", read_file(path_ / "summary.csv") + summary_row(s));
  metrics_.add(s, step);
}

void RunDirectory::save(Training& training, const Progress& progress, bool best, const FilesBeside& beside) {
  metrics_.flush();
  checkpoints_.save(training, progress, best, beside);
}

void RunDirectory::set_status(const std::string& status, const std::string& reason) {
  Json json = {{"status", status}};
  if (!reason.empty()) json["reason"] = reason;
  json["version"] = STINT_VERSION;
  json["threads"] = thread_count();
  json["pid"] = getpid();
  write_file(path_ / "run.json", json_text(json, 2) + "\n");
}

void check_definition(const Config& config, const fs::path& run) {
  const auto& model = config.model;
  fs::path own = definition_of(run);
  bool given = model.is_defined() && model.definition.empty();
  if (!given || !fs::exists(own) || read_file(model.name) == read_file(own)) return;
  fail(ErrorKind::usage, "resume",
       "{} is not what the run began with, which is {}: leave out --model to go on with that, or begin a new run with "
       "--pretrained {}",
       model.name, own.string(), run.string());
}

fs::path run_to_resume(const Config& config) {
  auto has_checkpoint = [](const fs::path& run) { return !CheckpointStore(checkpoints_of(run), 1).empty(); };
  if (config.resume.empty()) return {};
  fs::path output = config.log.output;
  if (config.resume == "auto") {
    if (!config.log.experiment.empty()) {
      fs::path run = output / config.log.experiment;
      return is_run(run) ? run : fs::path();
    }
    fs::path newest;
    if (!fs::is_directory(output)) return {};
    for (const auto& entry : fs::directory_iterator(output)) {
      if (!has_checkpoint(entry.path())) continue;
      Json state = Json::parse(read_file(entry.path() / "run.json"), nullptr, false);
      if (state.is_object() && state.value("status", Json()) == "finished") continue;
      if (newest.empty() || fs::last_write_time(entry) > fs::last_write_time(newest)) newest = entry.path();
    }
    return newest;
  }
  fs::path path = fs::path(config.resume).lexically_normal();
  if (is_run(path)) return path;
  if (fs::exists(path / "state.json")) return run_of_newest(fs::canonical(path));
  fail(ErrorKind::usage, "resume", "{} is no run", path.string());
}

fs::path arguments_of_run(const fs::path& inside) {
  constexpr int deepest = 3;  // RUN/checkpoints/last/model.safetensors
  fs::path folder = fs::absolute(inside).lexically_normal();
  for (int level = 0; level <= deepest; ++level, folder = folder.parent_path()) {
    if (fs::exists(folder / "args.yaml")) return folder / "args.yaml";
  }
  return {};
}

}  // namespace stint
