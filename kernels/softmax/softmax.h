#pragma once

#include <stint/kernels/op.h>

namespace stint {

/// y = exp(x - max(x)) / sum(exp(x - max(x))) along the last axis of x [...,C], which is plain. Saves y:
///   dx = y * (dy - sum(y * dy))
/// Attention and the loss have their own, which never write the probabilities to memory.
struct Softmax {
  static constexpr std::string_view name = "softmax";

  Tensor forward(Saver& saver, const Tensor& x) const;
  void backward(const Saved& saved, const Tensor& dy, const Grad& dx) const;
};

}  // namespace stint
