// GELU: one pass, a pack a thread. Floor forward: a read and a write; backward two reads and a write; dx may
// accumulate.

#include <stint/kernels/cuda.cuh>

namespace stint::cuda {

__device__ inline float normal_cdf(float x) {
  return 0.5f * erfcf(-0.70710678f * x);
}

template <typename T>
__global__ void gelu_forward_kernel(std::int64_t count, const T* x, T* y) {
  for_packs(count, [&](std::int64_t i, int n) {
    Pack values = load_pack(x + i, n);
    for (int j = 0; j < Pack::size; ++j) values[j] *= normal_cdf(values[j]);
    store_pack(y + i, values, n);
  });
}

template <typename T>
__global__ void gelu_backward_kernel(std::int64_t count, const T* x, const T* dy, T* dx, bool accumulate) {
  for_packs(count, [&](std::int64_t i, int n) {
    Pack in = load_pack(x + i, n), out = load_pack(dy + i, n);
    for (int j = 0; j < Pack::size; ++j) {
      float density = 0.398942280f * expf(-0.5f * in[j] * in[j]);
      out[j] *= normal_cdf(in[j]) + in[j] * density;
    }
    store_pack(dx + i, out, n, accumulate);
  });
}

void gelu_forward(const Tensor& x, const Tensor& y) {
  with_float_type(x.dtype(), "gelu", [&](auto type) {
    using T = decltype(type);
    launch(gelu_forward_kernel<T>, pack_grid(x.count()), block_size, 0, stream_of(x), x.count(), x.data<T>(),
           y.data<T>());
  });
}

void gelu_backward(const Tensor& x, const Tensor& dy, const Tensor& dx, bool accumulate) {
  with_float_type(x.dtype(), "gelu", [&](auto type) {
    using T = decltype(type);
    launch(gelu_backward_kernel<T>, pack_grid(x.count()), block_size, 0, stream_of(x), x.count(), x.data<T>(),
           dy.data<T>(), dx.data<T>(), accumulate);
  });
}

}  // namespace stint::cuda
