// Batch normalisation. Forward reads x twice, for the statistics and to apply them, and writes y and a bit an element;
// the residual is read in the second pass. Backward reads x, dy and the mask twice, for the two sums and to apply them,
// and writes dx and dresidual. Fewer passes would need x kept on the chip between the two; the floor is one of each
// pair, which is what is left where x fits the second-level cache. The variance is taken about the channel's first
// value, which keeps it exact where the mean is large. Everything wanted is overwritten; dx and dresidual may
// accumulate. The apply kernels walk packs in storage order with a stride that is, where it can be, whole rows: then a
// thread meets the same channels all the time and keeps their parameters in registers.

#include <stint/kernels/batch_norm/batch_norm_kernels.h>
#include <stint/kernels/channel_sums.cuh>

#include <numeric>

namespace stint::cuda {

/// Sums of (x - first) and its square.
template <typename T>
struct StatisticsTerms {
  static constexpr int sums = 2;
  const T* x;

  template <int lanes>
  __device__ void add(std::int64_t element, int c, float (&sum)[2][lanes]) const {
    Pack values = load_pack(x + element, lanes), first = load_pack(x + c, lanes);
    for (int j = 0; j < lanes; ++j) {
      float d = values[j] - first[j];
      sum[0][j] += d;
      sum[1][j] += d * d;
    }
  }
};

template <typename T>
struct StatisticsFinish {
  const T* x;
  std::int64_t rows;
  int channels;
  float eps, momentum;
  float *statistics, *running_mean, *running_var;

  __device__ void operator()(int c, const double* total) const {
    double shift = total[0] / rows;
    double var = total[1] / rows - shift * shift;
    if (var < 0) var = 0;
    auto mean = static_cast<float>(static_cast<float>(x[c]) + shift);
    statistics[c] = mean;
    statistics[channels + c] = static_cast<float>(1 / sqrt(var + eps));
    running_mean[c] += momentum * (mean - running_mean[c]);
    running_var[c] += momentum * (static_cast<float>(var * rows / (rows - 1)) - running_var[c]);
  }
};

/// Sums of dz and of dz * (x - mean), dz the gradient behind the ReLU.
template <typename T>
struct GradientTerms {
  static constexpr int sums = 2;
  const T *x, *dy;
  const std::uint8_t* mask;
  const float* mean;

  template <int lanes>
  __device__ void add(std::int64_t element, int c, float (&sum)[2][lanes]) const {
    Pack values = load_pack(x + element, lanes), dz = load_pack(dy + element, lanes);
    Pack centre = load_pack(mean + c, lanes);
    unsigned bits = mask ? load_mask(mask, element, lanes) : ~0u;
    for (int j = 0; j < lanes; ++j) {
      float d = (bits >> j) & 1 ? dz[j] : 0.0f;
      sum[0][j] += d;
      sum[1][j] += d * (values[j] - centre[j]);
    }
  }
};

struct GradientFinish {
  int channels;
  const float* rstd;
  float* out;

  __device__ void operator()(int c, const double* total) const {
    out[c] = static_cast<float>(total[0]);
    out[channels + c] = static_cast<float>(total[1] * rstd[c]);
  }
};

__global__ void batch_norm_running_kernel(int channels, const float* mean, const float* var, float eps,
                                          float* statistics) {
  int c = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (c >= channels) return;
  statistics[c] = mean[c];
  statistics[channels + c] = 1 / sqrtf(var[c] + eps);
}

/// Blocks for a walk over packs whose stride is whole rows, where a row is whole packs.
inline unsigned row_stride_grid(std::int64_t count, std::int64_t channels) {
  unsigned blocks = pack_grid(count);
  if (channels % Pack::size != 0) return blocks;
  std::int64_t packs = channels / Pack::size;
  auto period = static_cast<unsigned>(packs / std::gcd(packs, std::int64_t{block_size}));
  return std::max(blocks / period, 1u) * period;
}

/// Whether this thread's packs all lie over the same channels.
__device__ inline bool keeps_channels(int channels) {
  return channels % Pack::size == 0 && std::int64_t{gridDim.x} * blockDim.x * Pack::size % channels == 0;
}

__device__ inline std::int64_t first_element() {
  return (std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x) * Pack::size;
}

template <typename T>
__global__ void batch_norm_forward_kernel(std::int64_t count, int channels, const T* x, const float* statistics,
                                          const float* gamma, const float* beta, const T* residual, T* y,
                                          std::uint8_t* mask, bool relu) {
  Pack gain, offset;  // y = gain * x + offset
  auto load_parameters = [&](std::int64_t i) {
    for (int j = 0; j < Pack::size; ++j) {
      auto c = static_cast<int>((i + j) % channels);
      gain[j] = gamma[c] * statistics[channels + c];
      offset[j] = beta[c] - statistics[c] * gain[j];
    }
  };
  bool constant = keeps_channels(channels);
  if (constant) load_parameters(first_element());
  for_packs(count, [&](std::int64_t i, int n) {
    if (!constant) load_parameters(i);
    Pack values = load_pack(x + i, n), added{};
    if (residual) added = load_pack(residual + i, n);
    unsigned bits = 0;
    for (int j = 0; j < Pack::size; ++j) {
      float value = values[j] * gain[j] + offset[j] + added[j];
      bits |= unsigned{j < n && !(value <= 0)} << j;  // NaN passes
      values[j] = relu && value < 0 ? 0.0f : value;
    }
    if (mask) mask[i / 8] = static_cast<std::uint8_t>(bits);
    store_pack(y + i, values, n);
  });
}

/// What the apply pass of backward reads and writes; see BatchNormBackward.
template <typename T>
struct BackwardPointers {
  const T *x, *dy;
  const std::uint8_t* mask;
  const float *statistics, *gamma, *sums;
  T *dx, *dresidual;
  bool accumulate_dx, accumulate_dresidual, training;
};

template <typename T>
__global__ void batch_norm_backward_kernel(std::int64_t count, int channels, BackwardPointers<T> p) {
  Pack gain, slope, offset;  // dx = gain * dz + slope * x + offset
  double rows = static_cast<double>(count / channels);
  auto load_parameters = [&](std::int64_t i) {
    for (int j = 0; j < Pack::size; ++j) {
      auto c = static_cast<int>((i + j) % channels);
      float mean = p.statistics[c], rstd = p.statistics[channels + c];
      gain[j] = p.gamma[c] * rstd;
      slope[j] = p.training ? static_cast<float>(-gain[j] * rstd * double(p.sums[channels + c]) / rows) : 0.0f;
      offset[j] = p.training ? static_cast<float>(-gain[j] * double(p.sums[c]) / rows - double(slope[j]) * mean) : 0.0f;
    }
  };
  bool constant = keeps_channels(channels);
  if (constant) load_parameters(first_element());
  for_packs(count, [&](std::int64_t i, int n) {
    if (!constant) load_parameters(i);
    Pack dz = load_pack(p.dy + i, n);
    unsigned bits = p.mask ? load_mask(p.mask, i, n) : ~0u;
    for (int j = 0; j < Pack::size; ++j) dz[j] = (bits >> j) & 1 ? dz[j] : 0.0f;
    if (p.dresidual) store_pack(p.dresidual + i, dz, n, p.accumulate_dresidual);
    if (!p.dx) return;
    Pack values = load_pack(p.x + i, n);
    for (int j = 0; j < Pack::size; ++j) values[j] = gain[j] * dz[j] + (slope[j] * values[j] + offset[j]);
    store_pack(p.dx + i, values, n, p.accumulate_dx);
  });
}

namespace {

std::int64_t rows_of(const Shape& x) {
  return x.count() / x[-1];
}

const std::uint8_t* bits_of(const Tensor& mask) {
  return mask ? mask.data<std::uint8_t>() : nullptr;
}

}  // namespace

std::size_t batch_norm_workspace(const Shape& x) {
  return channel_sums_workspace(rows_of(x), x[-1], 2);
}

void batch_norm_statistics(const Tensor& x, float eps, float momentum, const Tensor& statistics,
                           const Tensor& running_mean, const Tensor& running_var, const Tensor& workspace) {
  std::int64_t rows = rows_of(x.shape()), channels = x.shape()[-1];
  with_float_type(x.dtype(), "batch_norm", [&](auto type) {
    using T = decltype(type);
    StatisticsFinish<T> finish{.x = x.data<T>(),
                               .rows = rows,
                               .channels = static_cast<int>(channels),
                               .eps = eps,
                               .momentum = momentum,
                               .statistics = statistics.data<float>(),
                               .running_mean = running_mean.data<float>(),
                               .running_var = running_var.data<float>()};
    channel_sums(rows, channels, StatisticsTerms<T>{x.data<T>()}, finish, workspace);
  });
}

void batch_norm_running(const Tensor& running_mean, const Tensor& running_var, float eps, const Tensor& statistics) {
  std::int64_t channels = running_mean.count();
  launch(batch_norm_running_kernel, grid_size(channels), block_size, 0, stream_of(statistics),
         static_cast<int>(channels), running_mean.data<float>(), running_var.data<float>(), eps,
         statistics.data<float>());
}

void batch_norm_forward(const BatchNormForward& p) {
  std::int64_t channels = p.x.shape()[-1];
  with_float_type(p.x.dtype(), "batch_norm", [&](auto type) {
    using T = decltype(type);
    launch(batch_norm_forward_kernel<T>, row_stride_grid(p.x.count(), channels), block_size, 0, stream_of(p.x),
           p.x.count(), static_cast<int>(channels), p.x.data<T>(), p.statistics.data<float>(), p.gamma.data<float>(),
           p.beta.data<float>(), p.residual ? p.residual.data<T>() : nullptr, p.y.data<T>(),
           p.mask ? p.mask.data<std::uint8_t>() : nullptr, p.relu);
  });
}

void batch_norm_sums(const BatchNormBackward& p, const Tensor& workspace) {
  std::int64_t channels = p.x.shape()[-1];
  const float* mean = p.statistics.data<float>();
  with_float_type(p.x.dtype(), "batch_norm", [&](auto type) {
    using T = decltype(type);
    channel_sums(rows_of(p.x.shape()), channels, GradientTerms<T>{p.x.data<T>(), p.dy.data<T>(), bits_of(p.mask), mean},
                 GradientFinish{static_cast<int>(channels), mean + channels, p.sums.data<float>()}, workspace);
  });
}

void batch_norm_backward(const BatchNormBackward& p) {
  std::int64_t channels = p.x.shape()[-1];
  with_float_type(p.x.dtype(), "batch_norm", [&](auto type) {
    using T = decltype(type);
    BackwardPointers<T> pointers{.x = p.x.data<T>(),
                                 .dy = p.dy.data<T>(),
                                 .mask = bits_of(p.mask),
                                 .statistics = p.statistics.data<float>(),
                                 .gamma = p.gamma.data<float>(),
                                 .sums = p.sums.data<float>(),
                                 .dx = p.dx ? p.dx.data<T>() : nullptr,
                                 .dresidual = p.dresidual ? p.dresidual.data<T>() : nullptr,
                                 .accumulate_dx = p.accumulate_dx,
                                 .accumulate_dresidual = p.accumulate_dresidual,
                                 .training = p.training};
    launch(batch_norm_backward_kernel<T>, row_stride_grid(p.x.count(), channels), block_size, 0, stream_of(p.x),
           p.x.count(), static_cast<int>(channels), pointers);
  });
}

}  // namespace stint::cuda
