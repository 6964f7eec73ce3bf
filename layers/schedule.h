#pragma once

#include <cstdint>

namespace stint {

/// Learning rate as a function of the step (0-based), counted in steps.
struct Schedule {
  enum class Kind { constant, step, cosine };

  Kind kind = Kind::constant;
  double lr = 0.1;
  std::int64_t total_steps = 1;
  std::int64_t warmup_steps =
      0;  ///< linear from `warmup_lr` to `lr`; the schedule below counts from step 0 all the same
  double warmup_lr = 0;
  double min_lr = 0;             ///< cosine: the rate at `total_steps`
  std::int64_t decay_steps = 1;  ///< step: lr * decay_rate^(step / decay_steps)
  double decay_rate = 0.1;

  double at(std::int64_t step) const;
};

}  // namespace stint
