#pragma once

#include <stint/kernels/op.h>

namespace stint {

/// The same elements, in plain order, under another shape: [N,H,W,C] to [N,H*W*C] and the like. No copy unless the
/// input is packed; saves nothing.
struct Reshape {
  static constexpr std::string_view name = "reshape";
  Shape shape;

  Tensor forward(Saver& saver, const Tensor& x) const;
  void backward(const Saved& saved, const Tensor& dy, const Grad& dx) const;
};

}  // namespace stint
