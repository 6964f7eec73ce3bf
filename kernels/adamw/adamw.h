#pragma once

#include <stint/kernels/decay_runs.h>

namespace stint {

/// One step of AdamW (Loshchilov & Hutter 2019) on flat f32 vectors, as PyTorch defines it, at step t = 1, 2, ...:
///   x <- x * (1 - lr * weight_decay);  m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g^2
///   x <- x - lr / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + eps)
/// `twin` (may be empty) is the bf16 copy of x, written in the same pass.
struct AdamW {
  static constexpr std::string_view name = "adamw";
  float beta1 = 0.9f;
  float beta2 = 0.999f;
  float eps = 1e-8f;
  float weight_decay = 0.01f;

  void update(const Tensor& x, const Tensor& direction, const Tensor& m, const Tensor& v, const Tensor& twin,
              const DecayRuns& decays, float lr, std::int64_t step) const;
};

}  // namespace stint
