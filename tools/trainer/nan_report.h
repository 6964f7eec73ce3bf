#pragma once

#include <stint/tools/trainer/training.h>

namespace stint {

/// Throws ErrorKind::diverged for a loss that is not finite: names the step and, after running the forward of the batch
/// once more (its random numbers are those of `random`), the first operator whose output is not finite, or the weights
/// that are not. The running statistics are then no longer what they were.
[[noreturn]] void explain_nan(Training& training, double loss, const Batch& batch, RandomState random);

}  // namespace stint
