#pragma once

#include <stint/kernels/op.h>

namespace stint {

/// y [N,C] = mean of x [N,H,W,C] over H and W, in plain order. Saves nothing.
struct GlobalPool {
  static constexpr std::string_view name = "global_pool";

  Tensor forward(Saver& saver, const Tensor& x) const;
  void backward(const Saved& saved, const Tensor& dy, const Grad& dx) const;
};

}  // namespace stint
