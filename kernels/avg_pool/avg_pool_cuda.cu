// Average pooling: a thread a position and pack of channels. Backward gathers: an input position adds the shares of the
// windows that cover it, so nothing is added atomically and dx is written once. Floor: x and y once each; windows that
// overlap are read again from cache.

#include <stint/kernels/window.cuh>

namespace stint::cuda {

template <typename T>
__global__ void avg_pool_forward_kernel(std::int64_t images, Sliding s, const T* x, T* y) {
  float share = 1.0f / static_cast<float>(s.kernel * s.kernel);
  for_channel_packs(images * s.out_height * s.out_width, s.channels, [&](std::int64_t position, int c, int n) {
    int w = static_cast<int>(position % s.out_width), h = static_cast<int>(position / s.out_width % s.out_height);
    std::int64_t image = position / s.out_width / s.out_height;
    Span rows = s.under(h, s.height), columns = s.under(w, s.width);
    Pack sum{};
    for (int row = rows.begin; row < rows.end; ++row) {
      for (int column = columns.begin; column < columns.end; ++column) {
        Pack values = load_pack(x + ((image * s.height + row) * s.width + column) * s.channels + c, n);
        for (int j = 0; j < Pack::size; ++j) sum[j] += values[j];
      }
    }
    for (int j = 0; j < Pack::size; ++j) sum[j] *= share;
    store_pack(y + position * s.channels + c, sum, n);
  });
}

template <typename T>
__global__ void avg_pool_backward_kernel(std::int64_t images, Sliding s, const T* dy, T* dx, bool accumulate) {
  float share = 1.0f / static_cast<float>(s.kernel * s.kernel);
  for_channel_packs(images * s.height * s.width, s.channels, [&](std::int64_t position, int c, int n) {
    int w = static_cast<int>(position % s.width), h = static_cast<int>(position / s.width % s.height);
    std::int64_t image = position / s.width / s.height;
    Span rows = s.over(h, s.out_height), columns = s.over(w, s.out_width);
    Pack sum{};
    for (int row = rows.begin; row < rows.end; ++row) {
      for (int column = columns.begin; column < columns.end; ++column) {
        Pack values = load_pack(dy + ((image * s.out_height + row) * s.out_width + column) * s.channels + c, n);
        for (int j = 0; j < Pack::size; ++j) sum[j] += values[j] * share;
      }
    }
    store_pack(dx + position * s.channels + c, sum, n, accumulate);
  });
}

void avg_pool_forward(const Tensor& x, const Window& window, const Tensor& y) {
  const Shape& out = y.shape();
  with_float_type(x.dtype(), "avg_pool", [&](auto type) {
    using T = decltype(type);
    launch(avg_pool_forward_kernel<T>, channel_pack_grid(out[0] * out[1] * out[2], out[3]), block_size, 0, stream_of(x),
           out[0], Sliding(x.shape(), out, window), x.data<T>(), y.data<T>());
  });
}

void avg_pool_backward(const Tensor& dy, const Window& window, const Tensor& dx, bool accumulate) {
  const Shape& in = dx.shape();
  with_float_type(dy.dtype(), "avg_pool", [&](auto type) {
    using T = decltype(type);
    launch(avg_pool_backward_kernel<T>, channel_pack_grid(in[0] * in[1] * in[2], in[3]), block_size, 0, stream_of(dx),
           in[0], Sliding(in, dy.shape(), window), dy.data<T>(), dx.data<T>(), accumulate);
  });
}

}  // namespace stint::cuda
