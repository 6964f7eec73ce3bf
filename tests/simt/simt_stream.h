#pragma once

#include <atomic>
#include <chrono>

namespace stint::simt {

/// How far a stream of the simulated device is: pieces of work that were queued and that are done.
struct Stream {
  std::atomic<int> queued = 0, done = 0;

  bool idle() const { return done == queued; }
};

struct Event {
  std::chrono::steady_clock::time_point time{};
  const Stream* stream = nullptr;
  int behind = 0;

  void record(const Stream* on) {
    time = std::chrono::steady_clock::now();
    stream = on;
    behind = on ? on->queued.load() : 0;
  }
  bool is_done() const { return !stream || stream->done >= behind; }
};

}  // namespace stint::simt
