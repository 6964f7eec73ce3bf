#pragma once

#include <stint/kernels/op.h>

namespace stint {

/// y = x * Phi(x), Phi the standard normal distribution function (Hendrycks & Gimpel 2016, the exact form, with erf),
/// any shape and packing. Saves x: dx = dy * (Phi(x) + x * phi(x)), phi the density.
struct Gelu {
  static constexpr std::string_view name = "gelu";

  Tensor forward(Saver& saver, const Tensor& x) const;
  void backward(const Saved& saved, const Tensor& dy, const Grad& dx) const;
};

}  // namespace stint
