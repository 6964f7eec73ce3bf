#pragma once

#include <stint/kernels/op.h>

namespace stint {

/// y [N,C] = token `index` of x [N,T,C]. Saves nothing; the gradient of the other tokens is zero.
struct SelectToken {
  static constexpr std::string_view name = "select_token";
  std::int64_t index = 0;

  Tensor forward(Saver& saver, const Tensor& x) const;
  void backward(const Saved& saved, const Tensor& dy, const Grad& dx) const;
};

}  // namespace stint
