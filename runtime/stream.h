#pragma once

#include <stint/runtime/device.h>

#include <chrono>
#include <memory>

namespace stint {

/// An ordered queue of work on a device. On the CPU and on the null device work is done at once, so a stream there is
/// only a name; signatures stay short because the current stream belongs to the thread.
class Stream {
 public:
  /// The device's default stream.
  explicit Stream(Device device = Device::cpu()) : device_(device) {}

  /// One that nobody else has; it may be another's after its last copy. Off CUDA a new name.
  static Stream make(Device device);

  /// The stream on which this thread's work for `device` goes.
  static Stream current(Device device);

  Device device() const { return device_; }
  void* native() const { return native_.get(); }  ///< cudaStream_t on CUDA; null: the default stream

  /// Returns when everything queued so far is done. Errors: work that failed on the device.
  void synchronize() const;

 private:
  Device device_;
  std::shared_ptr<void> native_;
};

/// Makes a stream the thread's current one for a scope. Memory that was used on another stream may be released here
/// only after an event has ordered the two.
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
  /// Work queued on `stream` from now on waits for the marked work. Both are of one device.
  void hold_up(const Stream& stream) const;
  /// Returns when the marked work is done. Errors: never recorded.
  void synchronize() const;
  /// Seconds between two recorded events of one device, this one the later. Errors: either was never recorded.
  double seconds_since(const Event& earlier) const;

 private:
  using Clock = std::chrono::steady_clock;
  Device device_;
  std::shared_ptr<void> native_;  // on CUDA
  Clock::time_point time_{};      // elsewhere
};

}  // namespace stint
