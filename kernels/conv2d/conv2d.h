#pragma once

#include <stint/kernels/op.h>
#include <stint/kernels/window.h>

namespace stint {

/// y [N,OH,OW,O] = convolution of x [N,H,W,I] with weight [O,K,K,I], plus bias [O] f32 (may be empty).
/// Saves x for the weight gradient alone, and the weight. x and weight share a dtype; dweight and dbias are f32.
struct Conv2d {
  static constexpr std::string_view name = "conv2d";
  static constexpr int required = 2;
  Window window;

  Tensor forward(Saver& saver, const Tensor& x, const Tensor& weight, const Tensor& bias) const;
  void backward(const Saved& saved, const Tensor& dy, const Grad& dx, const Grad& dweight, const Grad& dbias) const;
};

}  // namespace stint
