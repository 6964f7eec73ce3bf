#pragma once

#include <stint/kernels/op.h>

namespace stint {

/// y = x in another floating dtype, rounded to nearest even. Saves nothing; dx = dy in x's dtype.
struct Cast {
  static constexpr std::string_view name = "cast";
  DType to = DType::f32;

  Tensor forward(Saver& saver, const Tensor& x) const;
  void backward(const Saved& saved, const Tensor& dy, const Grad& dx) const;
};

}  // namespace stint
