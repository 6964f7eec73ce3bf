#include <stint/layers/schedule.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace stint {

double Schedule::at(std::int64_t step) const {
  if (step < warmup_steps) {
    return warmup_lr + (lr - warmup_lr) * static_cast<double>(step) / static_cast<double>(warmup_steps);
  }
  switch (kind) {
    case Kind::constant:
      return lr;
    case Kind::step:
      return lr * std::pow(decay_rate, static_cast<double>(step / std::max<std::int64_t>(decay_steps, 1)));
    case Kind::cosine: {
      double progress =
          std::min(1.0, static_cast<double>(step) / static_cast<double>(std::max<std::int64_t>(total_steps, 1)));
      return min_lr + (lr - min_lr) * (1 + std::cos(std::numbers::pi * progress)) / 2;
    }
  }
  return lr;
}

}  // namespace stint
