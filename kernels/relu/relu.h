#pragma once

#include <stint/kernels/op.h>

namespace stint {

/// y = max(x, 0), any shape and packing. Saves one bit an element: dx = dy where the bit is set, else 0. NaN passes.
struct Relu {
  static constexpr std::string_view name = "relu";

  Tensor forward(Saver& saver, const Tensor& x) const;
  void backward(const Saved& saved, const Tensor& dy, const Grad& dx) const;
};

}  // namespace stint
