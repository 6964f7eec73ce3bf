#pragma once

#include <stint/kernels/channel_sums.cuh>

/// What convolution and linear layers do with a bias beside their library.
namespace stint::cuda {

template <typename T>
struct BiasTerms {
  static constexpr int sums = 1;
  const T* dy;

  template <int lanes>
  __device__ void add(std::int64_t element, int, float (&sum)[1][lanes]) const {
    Pack values = load_pack(dy + element, lanes);
    for (int j = 0; j < lanes; ++j) sum[0][j] += values[j];
  }
};

struct BiasFinish {
  float* dbias;
  bool accumulate;

  __device__ void operator()(int c, const double* total) const {
    dbias[c] = static_cast<float>(accumulate ? dbias[c] + total[0] : total[0]);
  }
};

/// dbias [C] f32 <- the sum of dy [...,C] over all axes but the last, or that added to it. One read of dy.
inline void bias_gradient(const Tensor& dy, const Tensor& dbias, bool accumulate) {
  std::int64_t channels = dbias.count(), rows = dy.count() / channels;
  Tensor workspace = make_workspace(channel_sums_workspace(rows, channels, 1), dy.device());
  with_float_type(dy.dtype(), "bias gradient", [&](auto type) {
    using T = decltype(type);
    channel_sums(rows, channels, BiasTerms<T>{dy.data<T>()}, BiasFinish{dbias.data<float>(), accumulate}, workspace);
  });
}

}  // namespace stint::cuda
