#pragma once

#include <stint/kernels/decay_runs.h>

namespace stint {

/// One step of SGD on flat f32 vectors, as PyTorch defines it (without dampening):
///   d = direction + weight_decay * x;  v <- momentum * v + d;  d <- nesterov ? d + momentum * v : v;  x <- x - lr * d
/// `velocity` is empty when momentum is 0. `twin` (may be empty) is the bf16 copy of x, written in the same pass.
struct Sgd {
  static constexpr std::string_view name = "sgd";
  float momentum = 0;
  float weight_decay = 0;
  bool nesterov = false;

  void update(const Tensor& x, const Tensor& direction, const Tensor& velocity, const Tensor& twin,
              const DecayRuns& decays, float lr) const;
};

}  // namespace stint
