// Global average pooling. Forward: a thread an image and pack of channels walks the pixels; neighbouring threads read
// neighbouring channels. Floor: x once. Backward: one pass over dx, which may accumulate.

#include <stint/kernels/cuda.cuh>

namespace stint::cuda {

template <typename T>
__global__ void global_pool_forward_kernel(std::int64_t images, int pixels, int channels, const T* x, T* y) {
  for_channel_packs(images, channels, [&](std::int64_t image, int c, int n) {
    const T* source = x + image * pixels * channels + c;
    Pack sum{};
    for (int pixel = 0; pixel < pixels; ++pixel) {
      Pack values = load_pack(source + std::int64_t{pixel} * channels, n);
      for (int j = 0; j < Pack::size; ++j) sum[j] += values[j];
    }
    for (int j = 0; j < Pack::size; ++j) sum[j] /= static_cast<float>(pixels);
    store_pack(y + image * channels + c, sum, n);
  });
}

template <typename T>
__global__ void global_pool_backward_kernel(std::int64_t images, int pixels, int channels, const T* dy, T* dx,
                                            bool accumulate) {
  for_channel_packs(images * pixels, channels, [&](std::int64_t position, int c, int n) {
    Pack values = load_pack(dy + position / pixels * channels + c, n);
    for (int j = 0; j < Pack::size; ++j) values[j] /= static_cast<float>(pixels);
    store_pack(dx + position * channels + c, values, n, accumulate);
  });
}

void global_pool_forward(const Tensor& x, const Tensor& y) {
  const Shape& s = x.shape();
  with_float_type(x.dtype(), "global_pool", [&](auto type) {
    using T = decltype(type);
    launch(global_pool_forward_kernel<T>, channel_pack_grid(s[0], s[3]), block_size, 0, stream_of(x), s[0],
           static_cast<int>(s[1] * s[2]), static_cast<int>(s[3]), x.data<T>(), y.data<T>());
  });
}

void global_pool_backward(const Tensor& dy, const Tensor& dx, bool accumulate) {
  const Shape& s = dx.shape();
  with_float_type(dy.dtype(), "global_pool", [&](auto type) {
    using T = decltype(type);
    launch(global_pool_backward_kernel<T>, channel_pack_grid(s[0] * s[1] * s[2], s[3]), block_size, 0, stream_of(dx),
           s[0], static_cast<int>(s[1] * s[2]), static_cast<int>(s[3]), dy.data<T>(), dx.data<T>(), accumulate);
  });
}

}  // namespace stint::cuda
