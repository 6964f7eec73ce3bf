// Adaptive average pooling: a thread a pixel and pack of channels. Forward gathers its bin; backward gathers from the
// bins that the pixel is in, so dx is written once and may accumulate. Floor: x and y once; where bins overlap they are
// read from cache.

#include <stint/kernels/adaptive_pool/adaptive_bins.h>
#include <stint/kernels/cuda.cuh>

namespace stint::cuda {

struct AdaptiveSizes {
  int height, width, out_height, out_width, channels;
};

template <typename T>
__global__ void adaptive_pool_forward_kernel(std::int64_t pixels, AdaptiveSizes s, const T* x, T* y) {
  for_channel_packs(pixels, s.channels, [&](std::int64_t pixel, int c, int n) {
    std::int64_t image = pixel / (s.out_height * s.out_width);
    AdaptiveBin rows(pixel / s.out_width % s.out_height, s.height, s.out_height);
    AdaptiveBin columns(pixel % s.out_width, s.width, s.out_width);
    Pack sum{};
    for (std::int64_t h = rows.begin; h < rows.end; ++h) {
      for (std::int64_t w = columns.begin; w < columns.end; ++w) {
        Pack value = load_pack(x + ((image * s.height + h) * s.width + w) * s.channels + c, n);
        for (int j = 0; j < Pack::size; ++j) sum[j] += value[j];
      }
    }
    float share = 1 / static_cast<float>(rows.size() * columns.size());
    for (int j = 0; j < Pack::size; ++j) sum[j] *= share;
    store_pack(y + pixel * s.channels + c, sum, n);
  });
}

template <typename T>
__global__ void adaptive_pool_backward_kernel(std::int64_t pixels, AdaptiveSizes s, const T* dy, T* dx,
                                              bool accumulate) {
  for_channel_packs(pixels, s.channels, [&](std::int64_t pixel, int c, int n) {
    std::int64_t image = pixel / (s.height * s.width);
    AdaptiveBin rows(pixel / s.width % s.height, s.out_height, s.height);
    AdaptiveBin columns(pixel % s.width, s.out_width, s.width);
    Pack sum{};
    for (std::int64_t i = rows.begin; i < rows.end; ++i) {
      for (std::int64_t k = columns.begin; k < columns.end; ++k) {
        AdaptiveBin up(i, s.height, s.out_height), left(k, s.width, s.out_width);
        float share = 1 / static_cast<float>(up.size() * left.size());
        Pack value = load_pack(dy + ((image * s.out_height + i) * s.out_width + k) * s.channels + c, n);
        for (int j = 0; j < Pack::size; ++j) sum[j] += share * value[j];
      }
    }
    store_pack(dx + pixel * s.channels + c, sum, n, accumulate);
  });
}

AdaptiveSizes adaptive_sizes(const Shape& x, const Shape& y) {
  return {static_cast<int>(x[1]), static_cast<int>(x[2]), static_cast<int>(y[1]), static_cast<int>(y[2]),
          static_cast<int>(x[3])};
}

void adaptive_pool_forward(const Tensor& x, const Tensor& y) {
  std::int64_t pixels = y.count() / y.shape()[3];
  with_float_type(x.dtype(), "adaptive_pool", [&](auto type) {
    using T = decltype(type);
    launch(adaptive_pool_forward_kernel<T>, channel_pack_grid(pixels, x.shape()[3]), block_size, 0, stream_of(x),
           pixels, adaptive_sizes(x.shape(), y.shape()), x.data<T>(), y.data<T>());
  });
}

void adaptive_pool_backward(const Tensor& dy, const Tensor& dx, bool accumulate) {
  std::int64_t pixels = dx.count() / dx.shape()[3];
  with_float_type(dy.dtype(), "adaptive_pool", [&](auto type) {
    using T = decltype(type);
    launch(adaptive_pool_backward_kernel<T>, channel_pack_grid(pixels, dx.shape()[3]), block_size, 0, stream_of(dy),
           pixels, adaptive_sizes(dx.shape(), dy.shape()), dy.data<T>(), dx.data<T>(), accumulate);
  });
}

}  // namespace stint::cuda
