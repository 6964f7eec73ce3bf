// Layer normalisation: a warp a row, its lanes over packs of channels; the row is read again from cache for the
// variance and for the result. Floor forward: a read and a write. The sums for gamma and beta go over rows
// (channel_sums.cuh), one read of x and dy; dx is one more, and may accumulate.

#include <stint/kernels/channel_sums.cuh>
#include <stint/kernels/lane_packs.cuh>

namespace stint::cuda {

template <typename T>
__global__ void layer_norm_forward_kernel(std::int64_t rows, int channels, const T* x, const float* gamma,
                                          const float* beta, float eps, float* statistics, T* y) {
  for_warp_rows(rows, [&](std::int64_t row) {
    const T* in = x + row * channels;
    float sum = 0, square = 0;
    for_lane_packs(channels, [&](int c, int n) {
      Pack values = load_pack(in + c, n);
      for (int j = 0; j < Pack::size; ++j) sum += values[j];
    });
    float mean = warp_sum(sum) / static_cast<float>(channels);
    for_lane_packs(channels, [&](int c, int n) {
      Pack values = load_pack(in + c, n);
      for (int j = 0; j < n; ++j) square += (values[j] - mean) * (values[j] - mean);
    });
    float rstd = rsqrtf(warp_sum(square) / static_cast<float>(channels) + eps);
    for_lane_packs(channels, [&](int c, int n) {
      Pack values = load_pack(in + c, n), gain = load_pack(gamma + c, n), offset = load_pack(beta + c, n);
      for (int j = 0; j < Pack::size; ++j) values[j] = (values[j] - mean) * rstd * gain[j] + offset[j];
      store_pack(y + row * channels + c, values, n);
    });
    if (threadIdx.x % warp_size != 0) return;
    statistics[row] = mean;
    statistics[rows + row] = rstd;
  });
}

template <typename T>
__global__ void layer_norm_backward_kernel(std::int64_t rows, int channels, const T* x, const float* statistics,
                                           const float* gamma, const T* dy, T* dx, bool accumulate) {
  for_warp_rows(rows, [&](std::int64_t row) {
    const T *in = x + row * channels, *d = dy + row * channels;
    float mean = statistics[row], rstd = statistics[rows + row], first = 0, second = 0;
    for_lane_packs(channels, [&](int c, int n) {
      Pack values = load_pack(in + c, n), g = load_pack(d + c, n), gain = load_pack(gamma + c, n);
      for (int j = 0; j < Pack::size; ++j) {  // behind the row's end g is 0
        first += g[j] * gain[j];
        second += g[j] * gain[j] * (values[j] - mean);
      }
    });
    float shift = warp_sum(first) / static_cast<float>(channels);
    float slope = warp_sum(second) * rstd * rstd / static_cast<float>(channels);
    for_lane_packs(channels, [&](int c, int n) {
      Pack values = load_pack(in + c, n), g = load_pack(d + c, n), gain = load_pack(gamma + c, n);
      for (int j = 0; j < Pack::size; ++j) values[j] = rstd * (g[j] * gain[j] - shift - (values[j] - mean) * slope);
      store_pack(dx + row * channels + c, values, n, accumulate);
    });
  });
}

template <typename T>
struct LayerNormTerms {
  static constexpr int sums = 2;
  const T *x, *dy;
  const float* statistics;
  std::int64_t rows;
  int channels;

  template <int lanes>
  __device__ void add(std::int64_t element, int, float (&sum)[2][lanes]) const {
    std::int64_t row = element / channels;
    float mean = statistics[row], rstd = statistics[rows + row];
    Pack values = load_pack(x + element, lanes), d = load_pack(dy + element, lanes);
    for (int j = 0; j < lanes; ++j) {
      sum[0][j] += d[j];
      sum[1][j] += d[j] * ((values[j] - mean) * rstd);
    }
  }
};

struct LayerNormFinish {
  float* sums;
  int channels;

  __device__ void operator()(int c, const double* total) const {
    sums[c] = static_cast<float>(total[0]);
    sums[channels + c] = static_cast<float>(total[1]);
  }
};

std::size_t layer_norm_workspace(std::int64_t rows, std::int64_t channels) {
  return channel_sums_workspace(rows, channels, 2);
}

void layer_norm_forward(const Tensor& x, const Tensor& gamma, const Tensor& beta, float eps, const Tensor& statistics,
                        const Tensor& y) {
  std::int64_t channels = x.shape()[-1], rows = x.count() / channels;
  with_float_type(x.dtype(), "layer_norm", [&](auto type) {
    using T = decltype(type);
    launch(layer_norm_forward_kernel<T>, grid_size(rows * warp_size), block_size, 0, stream_of(x), rows,
           static_cast<int>(channels), x.data<T>(), gamma.data<float>(), beta.data<float>(), eps,
           statistics.data<float>(), y.data<T>());
  });
}

void layer_norm_sums(const Tensor& x, const Tensor& statistics, const Tensor& dy, const Tensor& sums,
                     const Tensor& workspace) {
  std::int64_t channels = x.shape()[-1], rows = x.count() / channels;
  with_float_type(x.dtype(), "layer_norm", [&](auto type) {
    using T = decltype(type);
    LayerNormTerms<T> terms{x.data<T>(), dy.data<T>(), statistics.data<float>(), rows, static_cast<int>(channels)};
    channel_sums(rows, channels, terms, LayerNormFinish{sums.data<float>(), static_cast<int>(channels)}, workspace);
  });
}

void layer_norm_backward(const Tensor& x, const Tensor& statistics, const Tensor& gamma, const Tensor& dy,
                         const Tensor& dx, bool accumulate) {
  std::int64_t channels = x.shape()[-1], rows = x.count() / channels;
  with_float_type(x.dtype(), "layer_norm", [&](auto type) {
    using T = decltype(type);
    launch(layer_norm_backward_kernel<T>, grid_size(rows * warp_size), block_size, 0, stream_of(x), rows,
           static_cast<int>(channels), x.data<T>(), statistics.data<float>(), gamma.data<float>(), dy.data<T>(),
           dx.data<T>(), accumulate);
  });
}

}  // namespace stint::cuda
