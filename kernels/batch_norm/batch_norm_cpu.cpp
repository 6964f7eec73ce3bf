// Batch normalisation on the CPU: two passes over x forward (statistics, apply), two over x and dy backward (sums,
// apply). Each pass walks tiles that fit the first-level cache, converts them to float, and works on 16 channels at a
// time, for both packings. Statistics are summed in a fixed number of pieces, float within a tile and double across
// tiles, so their bits do not depend on the number of threads. The variance is taken about the channel's first value,
// which keeps it exact where the mean is large. Everything wanted is overwritten; dx and dresidual may accumulate.

#include <stint/kernels/batch_norm/batch_norm_kernels.h>
#include <stint/kernels/bits.h>
#include <stint/kernels/channels.h>
#include <stint/kernels/float_block.h>
#include <stint/runtime/parallel.h>

#include <cmath>
#include <cstring>
#include <vector>

namespace stint::cpu {

namespace {

constexpr std::int64_t lanes = 16;
constexpr std::int64_t tile_elements = 8192;
constexpr int pieces = 16;  // in which sums are made, whatever the number of threads

/// `rows` x `width` elements from element `start` on, the first of them of channel `channel`.
struct Tile {
  std::int64_t start, rows, width, channel;
  std::int64_t count() const { return rows * width; }
};

/// Whole bytes of the mask; no more rows than a sum in float is exact enough for.
std::int64_t rows_a_tile(const ChannelMatrix& m) {
  return std::clamp<std::int64_t>(tile_elements / m.width / 8 * 8, 8, 512);
}

std::int64_t tile_count(const ChannelMatrix& m) {
  return m.blocks * ((m.rows + rows_a_tile(m) - 1) / rows_a_tile(m));
}

Tile tile_at(const ChannelMatrix& m, std::int64_t index) {
  std::int64_t rows = rows_a_tile(m);
  std::int64_t tiles = (m.rows + rows - 1) / rows;
  std::int64_t block = index / tiles;
  std::int64_t row = index % tiles * rows;
  return {(block * m.rows + row) * m.width, std::min(rows, m.rows - row), m.width, m.channel(block)};
}

std::int64_t scratch_size(const ChannelMatrix& m) {
  return rows_a_tile(m) * m.width;
}

/// Calls body(tile, scratch...) for all tiles in parallel; `Scratches` float buffers of a tile each belong to the
/// thread.
template <typename Body>
void for_tiles(const ChannelMatrix& m, int scratches, const Body& body) {
  parallel_for(tile_count(m), 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> scratch(scratches * scratch_size(m));
    for (std::int64_t i = begin; i < end; ++i) body(tile_at(m, i), scratch.data());
  });
}

/// sums[0..C) and sums[C..2C) <- sums over all tiles of what `add(tile, scratch, first, second)` adds, 2 x C doubles a
/// piece of `partial`.
template <typename AddTile>
void sum_tiles(const ChannelMatrix& m, double* partial, const AddTile& add) {
  std::int64_t tiles = tile_count(m);
  std::int64_t size = 2 * m.channels;
  std::memset(partial, 0, pieces * size * sizeof(double));
  parallel_for(pieces, 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> scratch(2 * scratch_size(m));
    for (std::int64_t piece = begin; piece < end; ++piece) {
      for (std::int64_t i = tiles * piece / pieces; i < tiles * (piece + 1) / pieces; ++i) {
        add(tile_at(m, i), scratch.data(), partial + piece * size, partial + piece * size + m.channels);
      }
    }
  });
  for (int piece = 1; piece < pieces; ++piece) {
    for (std::int64_t c = 0; c < size; ++c) partial[c] += partial[piece * size + c];
  }
}

/// Calls body(c, n) for the channels c .. c+n of a tile, n <= 16, with n a constant where it is 16.
template <typename Body>
void for_lanes(std::int64_t width, const Body& body) {
  std::int64_t c = 0;
  for (; c + lanes <= width; c += lanes) body(c, std::integral_constant<std::int64_t, lanes>{});
  if (c < width) body(c, width - c);
}

/// dz: dy behind the ReLU, as floats.
template <typename T>
const float* load_dz(const BatchNormBackward& p, const Tile& tile, float* scratch) {
  const T* dy = p.dy.data<T>() + tile.start;
  if (!p.mask) return as_floats(dy, tile.count(), scratch);
  select_masked(dy, p.mask.data<std::uint8_t>() + tile.start / 8, tile.count(), scratch);
  return scratch;
}

}  // namespace

std::size_t batch_norm_workspace(const Shape& x) {
  return pieces * 2 * x[-1] * sizeof(double);
}

void batch_norm_statistics(const Tensor& x, float eps, float momentum, const Tensor& statistics,
                           const Tensor& running_mean, const Tensor& running_var, const Tensor& workspace) {
  ChannelMatrix m(x);
  std::int64_t channels = m.channels;
  auto* sums = reinterpret_cast<double*>(workspace.raw());
  std::vector<float> pivot(channels);
  with_float_type(x.dtype(), "batch_norm", [&](auto type) {
    using T = decltype(type);
    const T* values = x.data<T>();
    for (std::int64_t c = 0; c < channels; ++c) pivot[c] = values[c / m.width * m.rows * m.width + c % m.width];
    sum_tiles(m, sums, [&](const Tile& tile, float* scratch, double* first, double* second) {
      const float* block = as_floats(values + tile.start, tile.count(), scratch);
      for_lanes(tile.width, [&](std::int64_t c, auto n) {
        float sum[lanes] = {}, square[lanes] = {};
        const float* shift = pivot.data() + tile.channel + c;
        for (std::int64_t row = 0; row < tile.rows; ++row) {
          const float* v = block + row * tile.width + c;
          for (std::int64_t j = 0; j < n; ++j) {
            float d = v[j] - shift[j];
            sum[j] += d;
            square[j] += d * d;
          }
        }
        for (std::int64_t j = 0; j < n; ++j) {
          first[tile.channel + c + j] += sum[j];
          second[tile.channel + c + j] += square[j];
        }
      });
    });
  });

  double count = static_cast<double>(x.count() / channels);
  float* mean = statistics.data<float>();
  float* rstd = mean + channels;
  for (std::int64_t c = 0; c < channels; ++c) {
    double shift = sums[c] / count;
    double var = std::max(sums[channels + c] / count - shift * shift, 0.0);
    mean[c] = static_cast<float>(pivot[c] + shift);
    rstd[c] = static_cast<float>(1 / std::sqrt(var + eps));
    float& moving_mean = running_mean.data<float>()[c];
    float& moving_var = running_var.data<float>()[c];
    moving_mean += momentum * (mean[c] - moving_mean);
    moving_var += momentum * (static_cast<float>(var * count / (count - 1)) - moving_var);
  }
}

void batch_norm_running(const Tensor& running_mean, const Tensor& running_var, float eps, const Tensor& statistics) {
  std::int64_t channels = running_mean.count();
  float* mean = statistics.data<float>();
  for (std::int64_t c = 0; c < channels; ++c) {
    mean[c] = running_mean.data<float>()[c];
    mean[channels + c] = 1 / std::sqrt(running_var.data<float>()[c] + eps);
  }
}

void batch_norm_forward(const BatchNormForward& p) {
  ChannelMatrix m(p.x);
  const float* mean = p.statistics.data<float>();
  std::vector<float> gain(m.channels), offset(m.channels);
  for (std::int64_t c = 0; c < m.channels; ++c) {
    gain[c] = p.gamma.data<float>()[c] * mean[m.channels + c];
    offset[c] = p.beta.data<float>()[c] - mean[c] * gain[c];
  }
  with_float_type(p.x.dtype(), "batch_norm", [&](auto type) {
    using T = decltype(type);
    for_tiles(m, 2, [&](const Tile& tile, float* scratch) {
      float* out = scratch + scratch_size(m);
      const float* x = as_floats(p.x.data<T>() + tile.start, tile.count(), scratch);
      for_lanes(tile.width, [&](std::int64_t c, auto n) {
        const float* a = gain.data() + tile.channel + c;
        const float* b = offset.data() + tile.channel + c;
        for (std::int64_t i = c; i < tile.count(); i += tile.width) {
          for (std::int64_t j = 0; j < n; ++j) out[i + j] = x[i + j] * a[j] + b[j];
        }
      });
      if (p.residual) {
        const float* residual = as_floats(p.residual.data<T>() + tile.start, tile.count(), scratch);
        for (std::int64_t i = 0; i < tile.count(); ++i) out[i] += residual[i];
      }
      if (p.mask) pack_positive(out, tile.count(), p.mask.data<std::uint8_t>() + tile.start / 8);
      if (p.relu) {
        for (std::int64_t i = 0; i < tile.count(); ++i) out[i] = out[i] < 0 ? 0.0f : out[i];
      }
      store_floats(out, tile.count(), p.y.data<T>() + tile.start);
    });
  });
}

void batch_norm_sums(const BatchNormBackward& p, const Tensor& workspace) {
  ChannelMatrix m(p.x);
  auto* sums = reinterpret_cast<double*>(workspace.raw());
  const float* mean = p.statistics.data<float>();
  const float* rstd = mean + m.channels;
  with_float_type(p.x.dtype(), "batch_norm", [&](auto type) {
    using T = decltype(type);
    sum_tiles(m, sums, [&](const Tile& tile, float* scratch, double* first, double* second) {
      const float* x = as_floats(p.x.data<T>() + tile.start, tile.count(), scratch);
      const float* dz = load_dz<T>(p, tile, scratch + scratch_size(m));
      for_lanes(tile.width, [&](std::int64_t c, auto n) {
        float sum[lanes] = {}, product[lanes] = {};
        const float* centre = mean + tile.channel + c;
        for (std::int64_t i = c; i < tile.count(); i += tile.width) {
          for (std::int64_t j = 0; j < n; ++j) {
            sum[j] += dz[i + j];
            product[j] += dz[i + j] * (x[i + j] - centre[j]);
          }
        }
        for (std::int64_t j = 0; j < n; ++j) {
          first[tile.channel + c + j] += sum[j];
          second[tile.channel + c + j] += double(product[j]) * rstd[tile.channel + c + j];
        }
      });
    });
  });
  for (std::int64_t i = 0; i < 2 * m.channels; ++i) p.sums.data<float>()[i] = static_cast<float>(sums[i]);
}

void batch_norm_backward(const BatchNormBackward& p) {
  ChannelMatrix m(p.x);
  const float* mean = p.statistics.data<float>();
  const float* rstd = mean + m.channels;
  const float* sums = p.sums.data<float>();
  double count = static_cast<double>(p.x.count() / m.channels);
  // dx = gain * dz + slope * x + offset, channel by channel
  std::vector<float> gain(m.channels), slope(m.channels), offset(m.channels);
  for (std::int64_t c = 0; c < m.channels; ++c) {
    gain[c] = p.gamma.data<float>()[c] * rstd[c];
    if (!p.training) continue;
    slope[c] = static_cast<float>(-gain[c] * rstd[c] * double(sums[m.channels + c]) / count);
    offset[c] = static_cast<float>(-gain[c] * double(sums[c]) / count - double(slope[c]) * mean[c]);
  }
  with_float_type(p.x.dtype(), "batch_norm", [&](auto type) {
    using T = decltype(type);
    for_tiles(m, 3, [&](const Tile& tile, float* scratch) {
      float* out = scratch + 2 * scratch_size(m);
      const float* x = as_floats(p.x.data<T>() + tile.start, tile.count(), scratch);
      const float* dz = load_dz<T>(p, tile, scratch + scratch_size(m));
      if (p.dresidual) {
        store_floats(dz, tile.count(), p.dresidual.data<T>() + tile.start, p.accumulate_dresidual);
      }
      if (!p.dx) return;
      for_lanes(tile.width, [&](std::int64_t c, auto n) {
        const float* g = gain.data() + tile.channel + c;
        const float* s = slope.data() + tile.channel + c;
        const float* o = offset.data() + tile.channel + c;
        for (std::int64_t i = c; i < tile.count(); i += tile.width) {
          for (std::int64_t j = 0; j < n; ++j) out[i + j] = g[j] * dz[i + j] + (s[j] * x[i + j] + o[j]);
        }
      });
      store_floats(out, tile.count(), p.dx.data<T>() + tile.start, p.accumulate_dx);
    });
  });
}

}  // namespace stint::cpu
