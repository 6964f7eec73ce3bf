#pragma once

#include <stint/kernels/op.h>
#include <stint/runtime/philox.h>

namespace stint {

/// Stochastic depth (Huang et al. 2016), a draw a sample: y_n = x_n / (1 - rate) if u_n >= rate, else 0, where u is the
/// uniform sequence `random`. x: [N,...], plain. Saves nothing: backward draws the same sequence again. 0 <= rate < 1.
struct DropPath {
  static constexpr std::string_view name = "drop_path";
  float rate = 0.1f;
  RandomSequence random;

  Tensor forward(Saver& saver, const Tensor& x) const;
  void backward(const Saved& saved, const Tensor& dy, const Grad& dx) const;
};

}  // namespace stint
