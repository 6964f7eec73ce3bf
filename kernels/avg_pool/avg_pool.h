#pragma once

#include <stint/kernels/op.h>
#include <stint/kernels/window.h>

namespace stint {

/// y = sum of each window of x [N,H,W,C] / kernel^2, zeros outside the image counted (as PyTorch's default does).
/// Saves nothing.
struct AvgPool {
  static constexpr std::string_view name = "avg_pool";
  Window window;

  Tensor forward(Saver& saver, const Tensor& x) const;
  void backward(const Saved& saved, const Tensor& dy, const Grad& dx) const;
};

}  // namespace stint
