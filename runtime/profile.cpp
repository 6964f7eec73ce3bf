#include <stint/runtime/error.h>
#include <stint/runtime/profile.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

namespace stint {

namespace {

/// A range on a device whose times are not known yet.
struct Pending {
  ProfileEvent event;
  Device device;
  Event begin, end;
};

std::atomic<bool> on = false;
std::mutex mutex;
std::vector<ProfileEvent> collected;
std::vector<Pending> pending;
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

ProfileRange::ProfileRange(std::string_view name, Work work, Device device)
    : name_(name), outer_(std::exchange(innermost, name)), work_(work), device_(device) {
  done.flops += work.flops;
  done.bytes += work.bytes;
  if (!on) return;
  begin_ns_ = now_ns();
  if (device.type == Device::Type::cuda) begin_.emplace().record(Stream::current(device));
}

ProfileRange::~ProfileRange() {
  innermost = outer_;
  if (begin_ns_ < 0 || !on) return;
  ProfileEvent event{std::string(name_), begin_ns_, now_ns(), thread_number(), work_};
  if (!begin_) {
    std::lock_guard lock(mutex);
    collected.push_back(std::move(event));
    return;
  }
  event.thread = 1000 + device_.index;
  try {
    Event end;
    end.record(Stream::current(device_));
    std::lock_guard lock(mutex);
    pending.push_back({std::move(event), device_, *begin_, end});
  } catch (const Error&) {  // of a device that has failed, which the next thing it is asked reports
  }
}

namespace {

/// Gives the ranges on devices their times: a device's clock starts with its first range, when the host queued it.
void settle() {
  std::map<int, std::pair<std::int64_t, Event>> origins;
  for (Pending& p : pending) {
    auto [host_ns, first] = origins.try_emplace(p.device.index, p.event.begin_ns, p.begin).first->second;
    p.event.begin_ns = host_ns + static_cast<std::int64_t>(p.begin.seconds_since(first) * 1e9);
    p.event.end_ns = p.event.begin_ns + static_cast<std::int64_t>(p.end.seconds_since(p.begin) * 1e9);
    collected.push_back(std::move(p.event));
  }
  pending.clear();
}

}  // namespace

void Profiler::start() {
  std::lock_guard lock(mutex);
  collected.clear();
  pending.clear();
  on = true;
}

std::vector<ProfileEvent> Profiler::stop() {
  on = false;
  std::lock_guard lock(mutex);
  settle();
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
