#include <stint/runtime/error.h>
#include <stint/runtime/profile.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

namespace stint {

namespace {

std::atomic<bool> on = false;
std::mutex mutex;
std::vector<ProfileEvent> collected;
thread_local Work done;
thread_local std::string_view innermost;

std::string quoted(const std::string& text) {
  using Json = nlohmann::json;
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::int64_t now_ns() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

int thread_number() {
  static std::atomic<int> threads = 0;
  thread_local int mine = threads++;
  return mine;
}

}  // namespace

Work work_done() {
  return done;
}

std::string_view ProfileRange::current() {
  return innermost;
}

ProfileRange::ProfileRange(std::string_view name, Work work)
    : name_(name), outer_(std::exchange(innermost, name)), work_(work) {
  done.flops += work.flops;
  done.bytes += work.bytes;
  if (on) begin_ns_ = now_ns();
}

ProfileRange::~ProfileRange() {
  innermost = outer_;
  if (begin_ns_ < 0 || !on) return;
  ProfileEvent event{std::string(name_), begin_ns_, now_ns(), thread_number(), work_};
  std::lock_guard lock(mutex);
  collected.push_back(std::move(event));
}

void Profiler::start() {
  std::lock_guard lock(mutex);
  collected.clear();
  on = true;
}

std::vector<ProfileEvent> Profiler::stop() {
  on = false;
  std::lock_guard lock(mutex);
  return std::exchange(collected, {});
}

void write_trace(const std::string& path, const std::vector<ProfileEvent>& events) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  require(file != nullptr, "trace", "cannot write {}", path);
  fmt::print(file, "{{\"displayTimeUnit\":\"ms\",\"traceEvents\":[");
  const char* separator = "\n";
  for (const ProfileEvent& e : events) {
    fmt::print(file, R"({}{{"name":{},"ph":"X","pid":0,"tid":{},"ts":{:.3f},"dur":{:.3f},)", separator, quoted(e.name),
               e.thread, e.begin_ns / 1e3, (e.end_ns - e.begin_ns) / 1e3);
    fmt::print(file, R"("args":{{"flops":{:.0f},"bytes":{:.0f}}}}})", e.work.flops, e.work.bytes);
    separator = ",\n";
  }
  fmt::print(file, "\n]}}\n");
  bool failed = std::ferror(file) != 0;
  failed |= std::fclose(file) != 0;
  require(!failed, "trace", "cannot write {}", path);
}

}  // namespace stint
