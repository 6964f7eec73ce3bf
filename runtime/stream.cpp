#include <stint/runtime/error.h>
#include <stint/runtime/stream.h>

namespace stint {

namespace {
thread_local Stream current_stream;
}

Stream Stream::current(Device device) {
  return current_stream.device() == device ? current_stream : Stream(device);
}

StreamScope::StreamScope(Stream stream) : before_(current_stream) {
  current_stream = stream;
}

StreamScope::~StreamScope() {
  current_stream = before_;
}

void Event::record(const Stream& stream) {
  stream.synchronize();
  time_ = Clock::now();
}

void Event::synchronize() const {
  require(time_ != Clock::time_point{}, "event", "synchronised before it was recorded");
}

double Event::seconds_since(const Event& earlier) const {
  synchronize();
  earlier.synchronize();
  return std::chrono::duration<double>(time_ - earlier.time_).count();
}

}  // namespace stint
