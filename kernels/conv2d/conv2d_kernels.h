#pragma once

#include <stint/kernels/dispatch.h>
#include <stint/kernels/window.h>

namespace stint {

/// Everything an algorithm choice may depend on.
struct ConvCase {
  TensorSpec x;
  TensorSpec y;
  Window window;
  bool bias;

  Shape weight() const { return {y.shape[3], window.kernel, window.kernel, x.shape[3]}; }
  double flops() const { return 2.0 * static_cast<double>(y.shape.count() * weight().count() / y.shape[3]); }
};

/// How activations lie around a convolution on the CPU. `blocked`: in blocks of 16 channels from layer to layer, which
/// is what oneDNN's Winograd needs. The others exist to be measured against it (docs/measurements): `reordered` keeps
/// them channels-last and reorders around every convolution, `channels_last` uses what oneDNN has for channels-last.
enum class CpuConvLayout { blocked, reordered, channels_last };

/// From the environment variable STINT_CPU_CONV: blocked (the default), reordered or channels-last.
CpuConvLayout cpu_conv_layout();

enum class ConvPass { forward, backward_data, backward_weights };

/// Bytes. Where this thread keeps weights (kept_weights.h), the place of this one is made here, too: it is not in them.
STINT_KERNEL(std::size_t conv2d_workspace(const ConvCase& c, ConvPass pass, const Tensor& weight, bool accumulate))
STINT_KERNEL(void conv2d_forward(const ConvCase& c, const Tensor& x, const Tensor& weight, const Tensor& bias,
                                 const Tensor& y, const Tensor& workspace))
STINT_KERNEL(void conv2d_backward_data(const ConvCase& c, const Tensor& dy, const Tensor& weight, const Tensor& dx,
                                       bool accumulate, const Tensor& workspace))
STINT_KERNEL(void conv2d_backward_weights(const ConvCase& c, const Tensor& x, const Tensor& dy, const Tensor& dweight,
                                          bool accumulate_weight, const Tensor& dbias, bool accumulate_bias,
                                          const Tensor& workspace))

}  // namespace stint
