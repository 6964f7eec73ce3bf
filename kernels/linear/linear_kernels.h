#pragma once

#include <stint/kernels/dispatch.h>

namespace stint {

/// x [rows,in], weight [out,in], y [rows,out].
struct LinearCase {
  std::int64_t rows, in, out;
  DType dtype;
  bool bias;

  Work work() const {
    return {2.0 * static_cast<double>(rows * in * out),
            static_cast<double>((rows * in + rows * out + in * out) * static_cast<std::int64_t>(size_of(dtype)))};
  }
};

enum class LinearPass { forward, backward_data, backward_weights };

/// Bytes. Where this thread keeps weights (kept_weights.h), the place of this one is made here, too: it is not in them.
STINT_KERNEL(std::size_t linear_workspace(const LinearCase& c, LinearPass pass, const Tensor& weight, bool accumulate))
STINT_KERNEL(void linear_forward(const LinearCase& c, const Tensor& x, const Tensor& weight, const Tensor& bias,
                                 const Tensor& y, const Tensor& workspace))
STINT_KERNEL(void linear_backward_data(const LinearCase& c, const Tensor& dy, const Tensor& weight, const Tensor& dx,
                                       bool accumulate, const Tensor& workspace))
STINT_KERNEL(void linear_backward_weights(const LinearCase& c, const Tensor& x, const Tensor& dy, const Tensor& dweight,
                                          bool accumulate_weight, const Tensor& dbias, bool accumulate_bias,
                                          const Tensor& workspace))

}  // namespace stint
