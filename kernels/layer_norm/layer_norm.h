#pragma once

#include <stint/kernels/op.h>

namespace stint {

/// Layer normalisation over the last axis (Ba, Kiros & Hinton 2016):
///   y = gamma * (x - mean) / sqrt(var + eps) + beta,  mean and biased variance of each row
/// x, y: [...,C]; gamma, beta: [C] f32. Saves x, the rows' mean and 1/sqrt(var + eps), and gamma. y would be enough,
/// but the linear layer behind holds y for its weight gradient alone, and an exact slot would forbid to hold it
/// approximately.
struct LayerNorm {
  static constexpr std::string_view name = "layer_norm";
  float eps = 1e-5f;

  Tensor forward(Saver& saver, const Tensor& x, const Tensor& gamma, const Tensor& beta) const;
  void backward(const Saved& saved, const Tensor& dy, const Grad& dx, const Grad& dgamma, const Grad& dbeta) const;
};

}  // namespace stint
