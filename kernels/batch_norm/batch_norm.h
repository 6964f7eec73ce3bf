#pragma once

#include <stint/kernels/op.h>

namespace stint {

/// Batch normalisation over all axes but the last (Ioffe & Szegedy 2015), with an optional residual and ReLU behind it:
///   y = act(gamma * (x - mean) / sqrt(var + eps) + beta + residual)
/// x, residual (may be empty), y: [N,H,W,C] or [N,C]; gamma, beta: [C] f32.
/// Training uses the batch's mean and biased variance and moves `running_mean`, `running_var` ([C] f32, changed in
/// place) towards them by `momentum`, the variance unbiased, as PyTorch does. Otherwise the running values are used;
/// then x is still the only saved activation, and mean and variance count as constants in backward. Saves x, the mean
/// and 1/sqrt(var + eps) used, gamma, and with `relu` one bit an element.
struct BatchNorm {
  static constexpr std::string_view name = "batch_norm";
  static constexpr int required = 3;
  float eps = 1e-5f;
  float momentum = 0.1f;
  bool training = true;
  bool relu = false;
  Tensor running_mean;
  Tensor running_var;

  Tensor forward(Saver& saver, const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& residual) const;
  void backward(const Saved& saved, const Tensor& dy, const Grad& dx, const Grad& dgamma, const Grad& dbeta,
                const Grad& dresidual) const;
};

}  // namespace stint
