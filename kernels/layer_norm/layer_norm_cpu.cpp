// Layer normalisation on the CPU. A row fits the first-level cache, so it is read from memory once forward and once in
// each of the two backward passes (sums for gamma and beta, then dx). Sums run in 16 lanes, added up in a fixed order.
// The sums over rows are made in a fixed number of pieces, float within 64 rows and double across them, so no bit
// depends on the number of threads. Everything is overwritten; dx may accumulate.

#include <stint/kernels/dispatch.h>
#include <stint/kernels/lanes.h>
#include <stint/runtime/parallel.h>

#include <cmath>
#include <cstring>
#include <vector>

namespace stint::cpu {

namespace {

constexpr int pieces = 16;
constexpr std::int64_t rows_a_block = 64;

struct Rows {
  std::int64_t count, channels;
  explicit Rows(const Tensor& x) : count(x.count() / x.shape()[-1]), channels(x.shape()[-1]) {}
  std::int64_t grain() const { return std::max<std::int64_t>(1, 16384 / channels); }
};

}  // namespace

std::size_t layer_norm_workspace(std::int64_t, std::int64_t channels) {
  return pieces * 2 * channels * sizeof(double);
}

void layer_norm_forward(const Tensor& x, const Tensor& gamma, const Tensor& beta, float eps, const Tensor& statistics,
                        const Tensor& y) {
  Rows rows(x);
  std::int64_t channels = rows.channels;
  const float *gain = gamma.data<float>(), *offset = beta.data<float>();
  float* means = statistics.data<float>();
  with_float_type(x.dtype(), "layer_norm", [&](auto type) {
    using T = decltype(type);
    parallel_for(rows.count, rows.grain(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const T* in = x.data<T>() + row * channels;
        T* out = y.data<T>() + row * channels;
        Lanes v, g, b, sums{}, squares{};
        for_lanes(channels, [&](std::int64_t c, auto n) {
          load(v, in + c, n);
          sums += v;
        });
        float mean = sum_of(sums) / static_cast<float>(channels);
        for_lanes(channels, [&](std::int64_t c, auto n) {
          load(v, in + c, n);
          v -= mean;
          if (n < lane_count) keep_bits(v, (1u << n) - 1);
          squares += v * v;
        });
        float rstd = 1 / std::sqrt(sum_of(squares) / static_cast<float>(channels) + eps);
        for_lanes(channels, [&](std::int64_t c, auto n) {
          load(v, in + c, n);
          load(g, gain + c, n);
          load(b, offset + c, n);
          store((v - mean) * rstd * g + b, out + c, n);
        });
        means[row] = mean;
        means[rows.count + row] = rstd;
      }
    });
  });
}

void layer_norm_sums(const Tensor& x, const Tensor& statistics, const Tensor& dy, const Tensor& sums,
                     const Tensor& workspace) {
  Rows rows(x);
  std::int64_t channels = rows.channels;
  const float* means = statistics.data<float>();
  auto* partial = reinterpret_cast<double*>(workspace.raw());
  std::memset(partial, 0, workspace.bytes());
  with_float_type(x.dtype(), "layer_norm", [&](auto type) {
    using T = decltype(type);
    parallel_for(pieces, 1, [&](std::int64_t first, std::int64_t last) {
      std::vector<float> scratch(2 * channels);
      float *dbeta = scratch.data(), *dgamma = dbeta + channels;
      for (std::int64_t piece = first; piece < last; ++piece) {
        double* total = partial + piece * 2 * channels;
        std::int64_t end = rows.count * (piece + 1) / pieces;
        for (std::int64_t block = rows.count * piece / pieces; block < end; block += rows_a_block) {
          std::fill_n(dbeta, 2 * channels, 0.0f);
          for (std::int64_t row = block; row < std::min(end, block + rows_a_block); ++row) {
            const T *in = x.data<T>() + row * channels, *gradient = dy.data<T>() + row * channels;
            float mean = means[row], rstd = means[rows.count + row];
            for_lanes(channels, [&](std::int64_t c, auto n) {
              Lanes v, d, beta_sum, gamma_sum;
              load(v, in + c, n);
              load(d, gradient + c, n);
              load(beta_sum, dbeta + c, n);
              load(gamma_sum, dgamma + c, n);
              store(beta_sum + d, dbeta + c, n);
              store(gamma_sum + d * ((v - mean) * rstd), dgamma + c, n);
            });
          }
          for (std::int64_t i = 0; i < 2 * channels; ++i) total[i] += dbeta[i];
        }
      }
    });
  });
  for (std::int64_t i = 0; i < 2 * channels; ++i) {
    double total = 0;
    for (int piece = 0; piece < pieces; ++piece) total += partial[piece * 2 * channels + i];
    sums.data<float>()[i] = static_cast<float>(total);
  }
}

void layer_norm_backward(const Tensor& x, const Tensor& statistics, const Tensor& gamma, const Tensor& dy,
                         const Tensor& dx, bool accumulate) {
  Rows rows(x);
  std::int64_t channels = rows.channels;
  const float *gain = gamma.data<float>(), *means = statistics.data<float>();
  with_float_type(x.dtype(), "layer_norm", [&](auto type) {
    using T = decltype(type);
    parallel_for(rows.count, rows.grain(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const T *in = x.data<T>() + row * channels, *gradient = dy.data<T>() + row * channels;
        T* out = dx.data<T>() + row * channels;
        float mean = means[row], rstd = means[rows.count + row];
        Lanes v, d, g, firsts{}, seconds{};
        auto load_all = [&](std::int64_t c, auto n) {
          load(v, in + c, n);
          load(d, gradient + c, n);
          load(g, gain + c, n);
          d *= g;
          v -= mean;
        };
        for_lanes(channels, [&](std::int64_t c, auto n) {
          load_all(c, n);
          firsts += d;
          seconds += d * v;
        });
        float shift = sum_of(firsts) / static_cast<float>(channels);
        float slope = sum_of(seconds) * rstd * rstd / static_cast<float>(channels);
        for_lanes(channels, [&](std::int64_t c, auto n) {
          load_all(c, n);
          store(rstd * (d - shift - v * slope), out + c, n, accumulate);
        });
      }
    });
  });
}

}  // namespace stint::cpu
