// Convolution on CUDA by cuDNN, which overwrites, and has no f32 weight gradient of bf16 activations: a result that is
// to be added to, or is of another dtype, is made in memory of its own first. So bf16 weight gradients are rounded to
// bf16 once, as they are under PyTorch's autocast. The bias is added in place, one more pass over y; its gradient is
// our own sums.

#include <stint/kernels/conv2d/conv2d_kernels.h>
#include <stint/kernels/conv2d/cudnn.h>
#include <stint/kernels/vector/vector.h>
#include <stint/kernels/bias.cuh>

namespace stint::cuda {

template <typename T>
__global__ void add_bias_kernel(std::int64_t positions, int channels, const float* bias, T* y) {
  for_channel_packs(positions, channels, [&](std::int64_t position, int c, int n) {
    store_pack(y + position * channels + c, load_pack(bias + c, n), n, true);
  });
}

namespace {

void add_bias(const Tensor& bias, const Tensor& y) {
  std::int64_t channels = bias.count(), positions = y.count() / channels;
  with_float_type(y.dtype(), "conv2d", [&](auto type) {
    using T = decltype(type);
    launch(add_bias_kernel<T>, channel_pack_grid(positions, channels), block_size, 0, stream_of(y), positions,
           static_cast<int>(channels), bias.data<float>(), y.data<T>());
  });
}

/// Runs `make(target)` for a target of `dtype` that it overwrites, and brings the result to `out`.
template <typename Make>
void make_into(const Tensor& out, DType dtype, bool accumulate, const Make& make) {
  if (out.dtype() == dtype && !accumulate) {
    make(out);
  } else {
    Tensor made = make_workspace(out.shape(), dtype, out.device());
    make(made);
    add_to(made, out, accumulate);
  }
}

}  // namespace

std::size_t conv2d_workspace(const ConvCase& c, ConvPass pass, const Tensor&, bool) {
  return cudnn::workspace(c, pass);
}

void conv2d_forward(const ConvCase& c, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y,
                    const Tensor& workspace) {
  cudnn::run(c, ConvPass::forward, x, weight, y, workspace);
  if (bias) add_bias(bias, y);
}

void conv2d_backward_data(const ConvCase& c, const Tensor& dy, const Tensor& weight, const Tensor& dx, bool accumulate,
                          const Tensor& workspace) {
  make_into(dx, dx.dtype(), accumulate,
            [&](const Tensor& out) { cudnn::run(c, ConvPass::backward_data, out, weight, dy, workspace); });
}

void conv2d_backward_weights(const ConvCase& c, const Tensor& x, const Tensor& dy, const Tensor& dweight,
                             bool accumulate_weight, const Tensor& dbias, bool accumulate_bias,
                             const Tensor& workspace) {
  make_into(dweight, x.dtype(), accumulate_weight,
            [&](const Tensor& out) { cudnn::run(c, ConvPass::backward_weights, x, out, dy, workspace); });
  if (dbias) bias_gradient(dy, dbias, accumulate_bias);
}

}  // namespace stint::cuda
