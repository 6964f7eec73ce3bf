// Softmax: a warp a row, its lanes over packs of channels. Forward reads a row three times (largest, sum, result),
// twice of these from cache: the floor is a read and a write. Backward reads y and dy twice, once from cache, and
// writes dx, which may accumulate.

#include <stint/kernels/lane_packs.cuh>

namespace stint::cuda {

template <typename T>
__global__ void softmax_forward_kernel(std::int64_t rows, int channels, const T* x, T* y) {
  for_warp_rows(rows, [&](std::int64_t row) {
    const T* in = x + row * channels;
    float largest = -INFINITY, sum = 0;
    for_lane_packs(channels, [&](int c, int n) {
      Pack values = load_pack(in + c, n);
      for (int j = 0; j < n; ++j) largest = values[j] > largest ? values[j] : largest;
    });
    largest = warp_max(largest);
    for_lane_packs(channels, [&](int c, int n) {
      Pack values = load_pack(in + c, n);
      for (int j = 0; j < n; ++j) sum += expf(values[j] - largest);
    });
    sum = warp_sum(sum);
    for_lane_packs(channels, [&](int c, int n) {
      Pack values = load_pack(in + c, n);
      for (int j = 0; j < Pack::size; ++j) values[j] = expf(values[j] - largest) / sum;
      store_pack(y + row * channels + c, values, n);
    });
  });
}

template <typename T>
__global__ void softmax_backward_kernel(std::int64_t rows, int channels, const T* y, const T* dy, T* dx,
                                        bool accumulate) {
  for_warp_rows(rows, [&](std::int64_t row) {
    const T *p = y + row * channels, *d = dy + row * channels;
    float mean = 0;
    for_lane_packs(channels, [&](int c, int n) {
      Pack values = load_pack(p + c, n), g = load_pack(d + c, n);
      for (int j = 0; j < Pack::size; ++j) mean += values[j] * g[j];  // 0 behind the row's end
    });
    mean = warp_sum(mean);
    for_lane_packs(channels, [&](int c, int n) {
      Pack values = load_pack(p + c, n), g = load_pack(d + c, n);
      for (int j = 0; j < Pack::size; ++j) values[j] *= g[j] - mean;
      store_pack(dx + row * channels + c, values, n, accumulate);
    });
  });
}

void softmax_forward(const Tensor& x, const Tensor& y) {
  std::int64_t channels = x.shape()[-1], rows = x.count() / channels;
  with_float_type(x.dtype(), "softmax", [&](auto type) {
    using T = decltype(type);
    launch(softmax_forward_kernel<T>, grid_size(rows * warp_size), block_size, 0, stream_of(x), rows,
           static_cast<int>(channels), x.data<T>(), y.data<T>());
  });
}

void softmax_backward(const Tensor& y, const Tensor& dy, const Tensor& dx, bool accumulate) {
  std::int64_t channels = y.shape()[-1], rows = y.count() / channels;
  with_float_type(y.dtype(), "softmax", [&](auto type) {
    using T = decltype(type);
    launch(softmax_backward_kernel<T>, grid_size(rows * warp_size), block_size, 0, stream_of(y), rows,
           static_cast<int>(channels), y.data<T>(), dy.data<T>(), dx.data<T>(), accumulate);
  });
}

}  // namespace stint::cuda
