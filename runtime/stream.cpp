#include <stint/runtime/cuda_driver.h>
#include <stint/runtime/error.h>
#include <stint/runtime/stream.h>

namespace stint {

namespace {

thread_local Stream current_stream;

bool is_cuda(Device device) {
  return device.type == Device::Type::cuda;
}

}  // namespace

Stream Stream::make(Device device) {
  Stream stream(device);
  stream.native_ = is_cuda(device) ? cuda_driver::make_stream(device.index) : std::make_shared<char>();
  return stream;
}

Stream Stream::current(Device device) {
  return current_stream.device() == device ? current_stream : Stream(device);
}

void Stream::synchronize() const {
  if (is_cuda(device_)) cuda_driver::synchronize(device_.index, native());
}

StreamScope::StreamScope(Stream stream) : before_(std::move(current_stream)) {
  current_stream = std::move(stream);
}

StreamScope::~StreamScope() {
  current_stream = std::move(before_);
}

void Event::record(const Stream& stream) {
  device_ = stream.device();
  if (is_cuda(device_)) {
    native_ = cuda_driver::make_event(device_.index);
    cuda_driver::record(device_.index, native_.get(), stream.native());
  } else {
    time_ = Clock::now();
  }
}

void Event::hold_up(const Stream& stream) const {
  if (native_) cuda_driver::wait(device_.index, stream.native(), native_.get());
}

void Event::synchronize() const {
  require(native_ || time_ != Clock::time_point{}, "event", "synchronised before it was recorded");
  if (native_) cuda_driver::synchronize_event(device_.index, native_.get());
}

double Event::seconds_since(const Event& earlier) const {
  synchronize();
  earlier.synchronize();
  require(device_ == earlier.device_, "event", "expected two events of {}, got one of {}", device_.name(),
          earlier.device_.name());
  if (native_) return cuda_driver::seconds_between(device_.index, earlier.native_.get(), native_.get());
  return std::chrono::duration<double>(time_ - earlier.time_).count();
}

}  // namespace stint
