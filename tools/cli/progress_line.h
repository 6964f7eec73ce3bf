#pragma once

#include <stint/tools/trainer/train.h>

#include <chrono>
#include <string>

namespace stint {

/// `4:05`, `1:02:03`.
std::string clock_text(double seconds);

/// The bar for a terminal of `width` columns: epoch, bar, steps, loss, lr, speed and time left in the whole run.
std::string progress_bar(const TrainingMoment& moment, double seconds_left, int width);

/// Shows how training goes on standard output: on a terminal one line that is redrawn, elsewhere a plain line every
/// `interval` steps.
class ProgressLine {
 public:
  explicit ProgressLine(std::int64_t interval);

  void show(const TrainingMoment& moment);
  /// Takes the bar away, so that a line can be printed.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;

  double seconds_left(const TrainingMoment& moment);

  std::int64_t interval_;
  bool terminal_;
  bool shown_ = false;
  Clock::time_point drawn_{};
  Clock::time_point start_{};
  std::int64_t start_step_ = -1;
};

}  // namespace stint
