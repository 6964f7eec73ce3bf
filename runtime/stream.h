#pragma once

#include <stint/runtime/device.h>

#include <chrono>

namespace stint {

/// An ordered queue of work on a device. On the CPU and on the null device work is done at once, so a stream there is
/// only a name; signatures stay short because the current stream belongs to the thread.
class Stream {
 public:
  explicit Stream(Device device = Device::cpu(), void* native = nullptr) : device_(device), native_(native) {}

  /// The stream on which this thread's work for `device` goes.
  static Stream current(Device device);

  Device device() const { return device_; }
  void* native() const { return native_; }  ///< cudaStream_t on CUDA, null elsewhere

  /// Returns when everything queued so far is done.
  void synchronize() const {}

 private:
  Device device_;
  void* native_;
};

/// Makes a stream the thread's current one for a scope.
class StreamScope {
 public:
  explicit StreamScope(Stream stream);
  ~StreamScope();
  StreamScope(const StreamScope&) = delete;
  StreamScope& operator=(const StreamScope&) = delete;

 private:
  Stream before_;
};

/// A moment in a stream's order of work.
class Event {
 public:
  /// Marks the work queued on `stream` so far.
  void record(const Stream& stream);
  /// Returns when the marked work is done. Errors: never recorded.
  void synchronize() const;
  /// Seconds between two recorded events, this one the later. Errors: either was never recorded.
  double seconds_since(const Event& earlier) const;

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point time_{};
};

}  // namespace stint
