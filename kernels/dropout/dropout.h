#pragma once

#include <stint/kernels/op.h>
#include <stint/runtime/philox.h>

namespace stint {

/// y_i = x_i / (1 - rate) if u_i >= rate, else 0, where u is the uniform sequence `random` in plain element order.
/// Saves nothing: backward draws the same sequence again. 0 <= rate < 1.
struct Dropout {
  static constexpr std::string_view name = "dropout";
  float rate = 0.5f;
  RandomSequence random;

  Tensor forward(Saver& saver, const Tensor& x) const;
  void backward(const Saved& saved, const Tensor& dy, const Grad& dx) const;
};

}  // namespace stint
