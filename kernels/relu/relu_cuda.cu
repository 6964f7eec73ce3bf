// ReLU: one pass, a pack a thread, so that a thread writes whole bytes of the mask. Floor forward: a read, a write and
// a bit an element; backward the same. Overwrites y; dx may accumulate.

#include <stint/kernels/cuda.cuh>

namespace stint::cuda {

template <typename T>
__global__ void relu_forward_kernel(std::int64_t count, const T* x, T* y, std::uint8_t* mask) {
  for_packs(count, [&](std::int64_t i, int n) {
    Pack values = load_pack(x + i, n);
    unsigned bits = 0;
    for (int j = 0; j < Pack::size; ++j) {
      bits |= unsigned{j < n && !(values[j] <= 0)} << j;  // NaN passes
      values[j] = values[j] < 0 ? 0.0f : values[j];
    }
    if (mask) mask[i / 8] = static_cast<std::uint8_t>(bits);
    store_pack(y + i, values, n);
  });
}

template <typename T>
__global__ void relu_backward_kernel(std::int64_t count, const std::uint8_t* mask, const T* dy, T* dx,
                                     bool accumulate) {
  for_packs(count, [&](std::int64_t i, int n) {
    unsigned bits = load_mask(mask, i, n);
    Pack values = load_pack(dy + i, n);
    for (int j = 0; j < Pack::size; ++j) values[j] = (bits >> j) & 1 ? values[j] : 0.0f;
    store_pack(dx + i, values, n, accumulate);
  });
}

void relu_forward(const Tensor& x, const Tensor& y, const Tensor& mask) {
  with_float_type(x.dtype(), "relu", [&](auto type) {
    using T = decltype(type);
    launch(relu_forward_kernel<T>, pack_grid(x.count()), block_size, 0, stream_of(x), x.count(), x.data<T>(),
           y.data<T>(), mask ? mask.data<std::uint8_t>() : nullptr);
  });
}

void relu_backward(const Tensor& mask, const Tensor& dy, const Tensor& dx, bool accumulate) {
  with_float_type(dy.dtype(), "relu", [&](auto type) {
    using T = decltype(type);
    launch(relu_backward_kernel<T>, pack_grid(dy.count()), block_size, 0, stream_of(dy), dy.count(),
           mask.data<std::uint8_t>(), dy.data<T>(), dx.data<T>(), accumulate);
  });
}

}  // namespace stint::cuda
