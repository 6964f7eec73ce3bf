#pragma once

#include <stint/kernels/dispatch.h>

namespace stint {

/// qkv [images,tokens,3,heads,dim], y [images,tokens,heads,dim], log_sums [images,heads,tokens] f32.
struct AttentionCase {
  std::int64_t images, tokens, heads, dim;

  std::int64_t channels() const { return heads * dim; }
  /// Of `products` matrix products a head.
  Work work(int products, const Tensor& read, const Tensor& written) const {
    double multiply_adds = static_cast<double>(images * heads * tokens * tokens * dim) * products;
    return {2 * multiply_adds, static_cast<double>(read.bytes() + written.bytes())};
  }
};

STINT_KERNEL(void attention_forward(const AttentionCase& c, const Tensor& qkv, const Tensor& y, const Tensor& log_sums))
/// workspace: one f32 a query and head on CUDA, nothing on the CPU
STINT_KERNEL(std::size_t attention_workspace(const AttentionCase& c))
STINT_KERNEL(void attention_backward(const AttentionCase& c, const Tensor& qkv, const Tensor& log_sums,
                                     const Tensor& dy, const Tensor& dqkv, bool accumulate, const Tensor& workspace))

}  // namespace stint
