#pragma once

#include <stint/kernels/dispatch.h>

namespace stint {

/// statistics: [2,C] f32, mean then 1/sqrt(var + eps).
struct BatchNormForward {
  Tensor x, gamma, beta, residual, y, mask, statistics;
  bool relu;
};

/// Empty tensors mark what is not wanted. sums: [2,C] f32, sum(dz) then sum(dz * xhat), dz the gradient behind the
/// ReLU.
struct BatchNormBackward {
  Tensor x, gamma, dy, mask, statistics, sums, dx, dresidual;
  bool accumulate_dx, accumulate_dresidual, training;
};

/// Bytes in which `batch_norm_statistics` and `batch_norm_sums` keep the partial sums of x.
STINT_KERNEL(std::size_t batch_norm_workspace(const Shape& x))
STINT_KERNEL(void batch_norm_statistics(const Tensor& x, float eps, float momentum, const Tensor& statistics,
                                        const Tensor& running_mean, const Tensor& running_var, const Tensor& workspace))
STINT_KERNEL(void batch_norm_running(const Tensor& running_mean, const Tensor& running_var, float eps,
                                     const Tensor& statistics))
STINT_KERNEL(void batch_norm_forward(const BatchNormForward& p))
STINT_KERNEL(void batch_norm_sums(const BatchNormBackward& p, const Tensor& workspace))
STINT_KERNEL(void batch_norm_backward(const BatchNormBackward& p))

}  // namespace stint
