#pragma once

#include <stint/kernels/op.h>

namespace stint {

/// y = a + b, equal shapes, any packing. Saves nothing; both gradients are dy, and share its memory where they can.
struct Add {
  static constexpr std::string_view name = "add";

  Tensor forward(Saver& saver, const Tensor& a, const Tensor& b) const;
  void backward(const Saved& saved, const Tensor& dy, const Grad& da, const Grad& db) const;
};

}  // namespace stint
