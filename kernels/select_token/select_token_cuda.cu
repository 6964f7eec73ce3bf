// One token of every image: a thread a pack of channels. Backward writes zeros everywhere else, unless it accumulates.

#include <stint/kernels/cuda.cuh>

namespace stint::cuda {

template <typename T>
__global__ void select_token_forward_kernel(std::int64_t images, std::int64_t tokens, int channels, std::int64_t index,
                                            const T* x, T* y) {
  for_channel_packs(images, channels, [&](std::int64_t image, int c, int n) {
    store_pack(y + image * channels + c, load_pack(x + (image * tokens + index) * channels + c, n), n);
  });
}

template <typename T>
__global__ void select_token_backward_kernel(std::int64_t images, std::int64_t tokens, int channels, std::int64_t index,
                                             const T* dy, T* dx, bool accumulate) {
  for_channel_packs(images * tokens, channels, [&](std::int64_t row, int c, int n) {
    bool selected = row % tokens == index;
    if (!selected && accumulate) return;
    Pack value{};
    if (selected) value = load_pack(dy + row / tokens * channels + c, n);
    store_pack(dx + row * channels + c, value, n, accumulate);
  });
}

void select_token_forward(const Tensor& x, std::int64_t index, const Tensor& y) {
  const Shape& s = x.shape();
  with_float_type(x.dtype(), "select_token", [&](auto type) {
    using T = decltype(type);
    launch(select_token_forward_kernel<T>, channel_pack_grid(s[0], s[2]), block_size, 0, stream_of(x), s[0], s[1],
           static_cast<int>(s[2]), index, x.data<T>(), y.data<T>());
  });
}

void select_token_backward(const Tensor& dy, std::int64_t index, const Tensor& dx, bool accumulate) {
  const Shape& s = dx.shape();
  with_float_type(dy.dtype(), "select_token", [&](auto type) {
    using T = decltype(type);
    launch(select_token_backward_kernel<T>, channel_pack_grid(s[0] * s[1], s[2]), block_size, 0, stream_of(dy), s[0],
           s[1], static_cast<int>(s[2]), index, dy.data<T>(), dx.data<T>(), accumulate);
  });
}

}  // namespace stint::cuda
