// Class token and positions: one pass each way, a thread a pack of channels of a token. The sum over images: a thread a
// pack of positions walks the images. Floor: x and y, or dy, once.

#include <stint/kernels/cuda.cuh>

namespace stint::cuda {

template <typename T>
__global__ void embed_tokens_forward_kernel(std::int64_t rows, int tokens, int channels, const T* x,
                                            const float* class_token, const float* position, T* y) {
  for_channel_packs(rows, channels, [&](std::int64_t row, int c, int n) {
    std::int64_t image = row / tokens;
    int token = static_cast<int>(row % tokens);
    Pack sum = load_pack(position + token * channels + c, n);
    Pack value = token == 0 ? load_pack(class_token + c, n) : load_pack(x + (row - image - 1) * channels + c, n);
    for (int j = 0; j < Pack::size; ++j) sum[j] += value[j];
    store_pack(y + row * channels + c, sum, n);
  });
}

template <typename T>
__global__ void embed_tokens_sum_kernel(std::int64_t images, std::int64_t values, const T* dy, float* sum) {
  for_packs(values, [&](std::int64_t i, int n) {
    Pack total{};
    for (std::int64_t image = 0; image < images; ++image) {
      Pack d = load_pack(dy + image * values + i, n);
      for (int j = 0; j < Pack::size; ++j) total[j] += d[j];
    }
    store_pack(sum + i, total, n);
  });
}

template <typename T>
__global__ void embed_tokens_backward_kernel(std::int64_t rows, int patches, int channels, const T* dy, T* dx,
                                             bool accumulate) {
  for_channel_packs(rows, channels, [&](std::int64_t row, int c, int n) {
    std::int64_t image = row / patches;
    store_pack(dx + row * channels + c, load_pack(dy + (row + image + 1) * channels + c, n), n, accumulate);
  });
}

void embed_tokens_forward(const Tensor& x, const Tensor& class_token, const Tensor& position, const Tensor& y) {
  const Shape& s = y.shape();
  with_float_type(x.dtype(), "embed_tokens", [&](auto type) {
    using T = decltype(type);
    launch(embed_tokens_forward_kernel<T>, channel_pack_grid(s[0] * s[1], s[2]), block_size, 0, stream_of(x),
           s[0] * s[1], static_cast<int>(s[1]), static_cast<int>(s[2]), x.data<T>(), class_token.data<float>(),
           position.data<float>(), y.data<T>());
  });
}

void embed_tokens_sum(const Tensor& dy, const Tensor& dposition) {
  with_float_type(dy.dtype(), "embed_tokens", [&](auto type) {
    using T = decltype(type);
    launch(embed_tokens_sum_kernel<T>, pack_grid(dposition.count()), block_size, 0, stream_of(dy), dy.shape()[0],
           dposition.count(), dy.data<T>(), dposition.data<float>());
  });
}

void embed_tokens_backward(const Tensor& dy, const Tensor& dx, bool accumulate) {
  const Shape& s = dx.shape();
  with_float_type(dy.dtype(), "embed_tokens", [&](auto type) {
    using T = decltype(type);
    launch(embed_tokens_backward_kernel<T>, channel_pack_grid(s[0] * s[1], s[2]), block_size, 0, stream_of(dy),
           s[0] * s[1], static_cast<int>(s[1]), static_cast<int>(s[2]), dy.data<T>(), dx.data<T>(), accumulate);
  });
}

}  // namespace stint::cuda
