#pragma once

#include <stint/kernels/op.h>

namespace stint {

/// Self-attention of `heads` heads over the tokens of each image (Vaswani et al. 2017, equation 1), from queries, keys
/// and values as one linear layer writes them: y = softmax(q k^T / sqrt(dim)) v, head by head.
/// qkv: [N,T,3*heads*dim], packed as [N,T,3,heads,dim]; y: [N,T,heads*dim]. Never makes a T x T matrix. Saves qkv and
/// one f32 (log of the row's sum of exponentials) a query and head. It does not save y: the linear layer behind holds
/// it for its weight gradient alone, and an exact slot would forbid to hold it approximately.
struct Attention {
  static constexpr std::string_view name = "attention";
  std::int64_t heads = 1;

  Tensor forward(Saver& saver, const Tensor& qkv) const;
  void backward(const Saved& saved, const Tensor& dy, const Grad& dqkv) const;
};

}  // namespace stint
