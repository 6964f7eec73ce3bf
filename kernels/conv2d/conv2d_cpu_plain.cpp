// Convolution on the CPU without a library, for builds without oneDNN. Channels-last throughout.

#include <stint/kernels/conv2d/conv2d_plain.h>
#include <stint/kernels/cpu_arithmetic.h>

namespace stint {

std::string cpu_arithmetic() {
  return "plain";
}

CpuConvLayout cpu_conv_layout() {
  return CpuConvLayout::channels_last;
}

namespace cpu {

namespace {

/// The weight (or its gradient) may have another dtype than the activations.
void convolve(const ConvCase& c, ConvPass pass, const Tensor& x, const Tensor& weight, const Tensor& y,
              bool accumulate) {
  with_float_type(c.x.dtype, "conv2d", [&](auto type) {
    with_float_type(weight.dtype(), "conv2d", [&](auto weight_type) {
      using T = decltype(type);
      plain::convolve(c, pass, x.data<T>(), weight.data<decltype(weight_type)>(), y.data<T>(), accumulate);
    });
  });
}

/// Calls body(element of y, channel).
template <typename T, typename Body>
void for_outputs(const Tensor& y, const Body& body) {
  std::int64_t channels = y.shape()[3];
  for (std::int64_t i = 0; i < y.count(); ++i) body(y.data<T>()[i], i % channels);
}

}  // namespace

std::size_t conv2d_workspace(const ConvCase&, ConvPass, const Tensor&, bool) {
  return 0;
}

void conv2d_forward(const ConvCase& c, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y,
                    const Tensor&) {
  convolve(c, ConvPass::forward, x, weight, y, false);
  if (!bias) return;
  with_float_type(y.dtype(), "conv2d", [&](auto type) {
    using T = decltype(type);
    for_outputs<T>(y, [&](T& value, std::int64_t o) { value = float(value) + bias.data<float>()[o]; });
  });
}

void conv2d_backward_data(const ConvCase& c, const Tensor& dy, const Tensor& weight, const Tensor& dx, bool accumulate,
                          const Tensor&) {
  convolve(c, ConvPass::backward_data, dx, weight, dy, accumulate);
}

void conv2d_backward_weights(const ConvCase& c, const Tensor& x, const Tensor& dy, const Tensor& dweight,
                             bool accumulate_weight, const Tensor& dbias, bool accumulate_bias, const Tensor&) {
  convolve(c, ConvPass::backward_weights, x, dweight, dy, accumulate_weight);
  if (!dbias) return;
  if (!accumulate_bias) dbias.zero();
  with_float_type(dy.dtype(), "conv2d", [&](auto type) {
    using T = decltype(type);
    for_outputs<T>(dy, [&](T& value, std::int64_t o) { dbias.data<float>()[o] += float(value); });
  });
}

}  // namespace cpu

}  // namespace stint
