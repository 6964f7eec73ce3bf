#pragma once

#include <stint/kernels/op.h>

namespace stint {

/// y [...,O] = x [...,I] * weight^T + bias, weight [O,I], bias [O] f32 (may be empty).
/// Saves x for the weight gradient alone, and the weight. x and weight share a dtype; dweight and dbias are f32.
struct Linear {
  static constexpr std::string_view name = "linear";
  static constexpr int required = 2;

  Tensor forward(Saver& saver, const Tensor& x, const Tensor& weight, const Tensor& bias) const;
  void backward(const Saved& saved, const Tensor& dy, const Grad& dx, const Grad& dweight, const Grad& dbias) const;
};

}  // namespace stint
