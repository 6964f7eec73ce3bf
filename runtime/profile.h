#pragma once

#include <stint/runtime/stream.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stint {

/// What a piece of work costs at least: arithmetic (a multiply-add counts two) and bytes read and written.
struct Work {
  double flops = 0;
  double bytes = 0;
};

/// Work done by this thread since it started; also counted on the null device, where nothing is executed.
Work work_done();

/// A named stretch of time: of the thread, or, for work on a CUDA device, of the current stream. Costs two reads of a
/// clock while profiling is on and next to nothing while it is off.
class ProfileRange {
 public:
  explicit ProfileRange(std::string_view name, Work work = {}, Device device = Device::cpu());
  ~ProfileRange();
  ProfileRange(const ProfileRange&) = delete;
  ProfileRange& operator=(const ProfileRange&) = delete;

  /// The innermost range that this thread is in; empty outside of all.
  static std::string_view current();

 private:
  std::string_view name_, outer_;
  Work work_;
  std::int64_t begin_ns_ = -1;  // -1: profiling was off
  Device device_;
  std::optional<Event> begin_;  // on a CUDA device
};

struct ProfileEvent {
  std::string name;
  std::int64_t begin_ns;
  std::int64_t end_ns;
  int thread;  ///< 1000 + its number for a CUDA device
  Work work;
};

/// Collects ranges, of all threads, between `start` and `stop`, which waits for the devices.
class Profiler {
 public:
  static void start();
  static std::vector<ProfileEvent> stop();
};

/// Writes events in Chrome's trace format (chrome://tracing, Perfetto). Errors: the file cannot be written.
void write_trace(const std::string& path, const std::vector<ProfileEvent>& events);

}  // namespace stint
