#pragma once

#include <stint/tools/trainer/train.h>

#include <chrono>
#include <cstdio>
#include <string>

namespace stint {

/// `4:05`, `1:02:03`.
std::string clock_text(double seconds);

/// Epoch, steps, loss, lr, speed, time left in the whole run, of several workers their rounds, the share of time that
/// this one waited and its bytes by purpose, and memory by purpose; `seconds_left` < 0: not known yet.
std::string progress_text(const TrainingMoment& moment, double seconds_left);

/// The same without bytes for a terminal of `width` columns, with a bar where there is room, and shorter than a line.
std::string progress_bar(const TrainingMoment& moment, double seconds_left, int width);

/// Shows how training goes: on a terminal one line that is redrawn, elsewhere a plain line every `interval` steps. With
/// `--json` standard output belongs to the report: give `stderr` then.
class ProgressLine {
 public:
  explicit ProgressLine(std::int64_t interval, std::FILE* out = stdout);

  void show(const TrainingMoment& moment);
  /// Takes the bar away, so that a line can be printed.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;

  double seconds_left(const TrainingMoment& moment);

  std::int64_t interval_;
  std::FILE* out_;
  bool terminal_;
  bool shown_ = false;
  Clock::time_point drawn_{};
  Clock::time_point start_{};
  std::int64_t start_step_ = -1;
};

}  // namespace stint
