#pragma once

#include <stint/runtime/philox.h>

#include <functional>
#include <span>

namespace stint {

/// Fills a new parameter, always on the CPU and from a sequence of its own, so that every device starts from equal
/// bits.
using Initialiser = std::function<void(std::span<float> values, RandomSequence random)>;

Initialiser constant(float value);

/// Uniform in [-bound, bound).
Initialiser uniform(float bound);

/// Normal with mean 0.
Initialiser normal(float deviation);

/// Normal with deviation sqrt(2 / fan): keeps the variance of activations (fan in) or of gradients (fan out) through
/// ReLU layers (He et al. 2015).
Initialiser kaiming_normal(std::int64_t fan);

/// PyTorch's default for a linear or convolution layer and its bias: uniform within 1 / sqrt(fan in).
Initialiser fan_in_uniform(std::int64_t fan_in);

}  // namespace stint
