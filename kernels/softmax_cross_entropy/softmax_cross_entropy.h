#pragma once

#include <stint/kernels/op.h>

namespace stint {

/// Mean cross-entropy of softmax(logits) against classes, as a scalar [1] f32:
///   loss = weight * mean_n ( -sum_k t_nk * log_softmax(logits)_nk )
///   t = (1 - label_smoothing) * onehot + label_smoothing / K
/// logits: [N,K]; labels: [N] i32 in [0, K) (another value: ErrorKind::data, on CUDA a loss of NaN). Saves the logits,
/// the labels and one f32 (log of the row's sum of exponentials) a row; dlogits = weight * dy * (softmax - t) / N.
struct SoftmaxCrossEntropy {
  static constexpr std::string_view name = "softmax_cross_entropy";
  float label_smoothing = 0;
  float weight = 1;

  Tensor forward(Saver& saver, const Tensor& logits, const Tensor& labels) const;
  void backward(const Saved& saved, const Tensor& dy, const Grad& dlogits, const Grad& dlabels) const;
};

}  // namespace stint
