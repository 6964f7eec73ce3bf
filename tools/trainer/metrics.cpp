#include <fmt/format.h>
#include <stint/runtime/error.h>
#include <stint/tools/trainer/files.h>
#include <stint/tools/trainer/memory_json.h>
#include <stint/tools/trainer/metrics.h>

#include <chrono>
#include <cstring>
#include <sstream>

namespace stint {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

constexpr double flush_every = 1;  // second

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

[[noreturn]] void cannot_write(const fs::path& path) {
  fail(ErrorKind::runtime, "metrics", "cannot write {}: {}", path.string(), std::strerror(errno));
}

/// JSON has no NaN: null then.
Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json();
}

void put(std::FILE* file, const fs::path& path, const Json& line) {
  std::string text = line.dump() + "\n";
  if (std::fwrite(text.data(), 1, text.size(), file) != text.size()) cannot_write(path);
}

/// Bytes by purpose, as far as there are any.
Json by_purpose(const std::array<std::uint64_t, dist::payload_count>& bytes) {
  Json json = Json::object();
  for (int i = 0; i < dist::payload_count; ++i) {
    if (bytes[i] > 0) json[std::string(dist::payload_names[i])] = bytes[i];
  }
  return json;
}

void add_memory(Json& line, const PurposeBytes& live, const PurposeBytes& peak) {
  line["live_bytes"] = to_json(live);
  line["peak_bytes"] = to_json(peak);
}

void add_dropped(Json& line, const std::vector<DropRecord>& records) {
  for (const DropRecord& record : records) {
    Json row = {{"layers", record.layers}};
    row.update(to_json(record));
    line["dropped"].push_back(std::move(row));
  }
}

void add_sync(Json& line, const std::optional<SyncMetrics>& sync) {
  if (!sync) return;
  line["sent_bytes"] = by_purpose(sync->traffic.sent);
  line["received_bytes"] = by_purpose(sync->traffic.received);
  line["sync_rounds"] = sync->rounds;
  line["waited_seconds"] = sync->waited_seconds;
}

/// What an epoch of several workers came to.
void add_workers(Json& line, const EpochSummary& s) {
  if (!s.sync) return;
  add_sync(line, s.sync);
  line["wire_tx_bytes"] = s.sync->traffic.total_sent();
  line["worker_spread"] = number(s.spread);
  line["compression_error"] = number(s.compression_error);
  if (s.emulated_seconds == 0) return;
  line["emulated_s"] = s.emulated_seconds;
  line["emulated_wait_s"] = s.emulated_waited;
}

/// A line is an epoch's if it has an evaluation.
bool is_epoch(const Json& line) {
  return line.contains("eval_loss");
}

bool is_kept(const Json& line, std::int64_t step, std::int64_t epoch) {
  return is_epoch(line) ? line.value("epoch", epoch) < epoch : line.value("step", step + 1) <= step;
}

/// Shows a line of metrics.jsonl in TensorBoard.
void show(EventFile& events, const Json& line) {
  double time = line.value("time", 0.0);
  std::int64_t step = line.value("step", std::int64_t{0});
  for (auto [key, tag] :
       {std::pair("loss", "train/loss"), std::pair("lr", "train/lr"), std::pair("eval_loss", "eval/loss"),
        std::pair("eval_top1", "eval/top1"), std::pair("eval_top5", "eval/top5"),
        std::pair("worker_spread", "sync/worker_spread"), std::pair("compression_error", "sync/compression_error")}) {
    if (line.contains(key) && line[key].is_number()) events.add(time, step, tag, line[key].get<float>());
  }
}

/// The lines of a file that are whole and belong to what goes on.
std::vector<Json> kept_lines(const fs::path& path, std::int64_t step, std::int64_t epoch) {
  std::vector<Json> lines;
  if (!fs::exists(path)) return lines;
  std::istringstream text(read_file(path));
  for (std::string line; std::getline(text, line);) {
    Json json = Json::parse(line, nullptr, false);
    if (json.is_object() && is_kept(json, step, epoch)) lines.push_back(std::move(json));
  }
  return lines;
}

fs::path event_path(const fs::path& directory) {
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().filename().string().starts_with("events.out.tfevents.")) return entry.path();
  }
  return directory / fmt::format("events.out.tfevents.{:.0f}.stint", now());
}

}  // namespace

Metrics::Metrics(const fs::path& directory, std::int64_t step, std::int64_t epoch)
    : path_(directory / "metrics.jsonl"), file_(nullptr, std::fclose), events_(event_path(directory)) {
  std::vector<Json> lines = kept_lines(path_, step, epoch);
  std::string text;
  for (const Json& line : lines) text += line.dump() + "\n";
  write_file(path_, text);
  file_.reset(std::fopen(path_.c_str(), "ab"));
  if (!file_) cannot_write(path_);
  for (const Json& line : lines) show(events_, line);
  flush();
}

void Metrics::add(const StepMetrics& m) {
  double time = now();
  Json line = {{"step", m.step}, {"epoch", m.epoch},     {"loss", number(m.loss)},
               {"lr", m.lr},     {"seconds", m.seconds}, {"data_seconds", m.data_seconds},
               {"time", time}};
  add_memory(line, m.live, m.peak);
  add_sync(line, m.sync);
  put(file_.get(), path_, line);
  show(events_, line);
  if (time - flushed_ > flush_every) flush();
}

void Metrics::add(const EpochSummary& s, std::int64_t step) {
  Json line = {{"step", step},
               {"epoch", s.epoch},
               {"train_loss", number(s.train_loss)},
               {"eval_loss", number(s.eval.loss)},
               {"eval_top1", s.eval.top1},
               {"eval_top5", s.eval.top5},
               {"seconds", s.seconds},
               {"time", now()}};
  add_memory(line, s.memory.live, s.memory.peak);
  add_dropped(line, s.dropped);
  add_workers(line, s);
  if (s.on_train.loss != 0) {
    line["whole_train_loss"] = number(s.on_train.loss);
    line["whole_train_top1"] = s.on_train.top1;
  }
  put(file_.get(), path_, line);
  show(events_, line);
  flush();
}

void Metrics::flush() {
  if (std::fflush(file_.get()) != 0) cannot_write(path_);
  events_.flush();
  flushed_ = now();
}

}  // namespace stint
