// Batch normalisation on the CPU: two passes over x forward (statistics, apply), two over x and dy backward (sums,
// apply). Each pass walks tiles that fit the first-level cache and works on 16 channels at a time, for both packings;
// what belongs to elements and not to channels (ReLU, its mask, the residual) is a second walk over the tile as floats.
// Statistics are summed in a fixed number of pieces, float within a tile and double across tiles, so their bits do not
// depend on the number of threads. The variance is taken about the channel's first value, which keeps it exact where
// the mean is large. Everything wanted is overwritten; dx and dresidual may accumulate.

#include <stint/kernels/batch_norm/batch_norm_kernels.h>
#include <stint/kernels/bits.h>
#include <stint/kernels/channels.h>
#include <stint/runtime/parallel.h>

#include <cmath>
#include <cstring>
#include <vector>

namespace stint::cpu {

namespace {

constexpr std::int64_t tile_elements = 2048;
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

/// Calls body(tile, scratch) for all tiles in parallel; scratch, of floats of a tile, belongs to the thread.
template <typename Body>
void for_tiles(const ChannelMatrix& m, const Body& body) {
  parallel_for(tile_count(m), 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> scratch(scratch_size(m));
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
    std::vector<float> scratch(scratch_size(m));
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

/// total[0..n) += lanes * factor
void add_to(double* total, const Lanes& lanes, std::int64_t n, const float* factor = nullptr) {
  for (std::int64_t j = 0; j < n; ++j) total[j] += factor ? double(lanes[j]) * factor[j] : double(lanes[j]);
}

/// dz: dy behind the ReLU, as floats; also written where the residual's gradient is wanted.
template <typename T>
void load_dz(const BatchNormBackward& p, const Tile& tile, float* dz) {
  const T* dy = p.dy.data<T>() + tile.start;
  const std::uint8_t* mask = p.mask ? p.mask.data<std::uint8_t>() + tile.start / 8 : nullptr;
  T* residual = p.dresidual ? p.dresidual.data<T>() + tile.start : nullptr;
  for_lanes(tile.count(), [&](std::int64_t i, auto n) {
    Lanes values;
    load(values, dy + i, n);
    if (mask) keep_bits(values, load_bits(mask + i / 8, n));
    store(values, dz + i, n);
    if (residual) store(values, residual + i, n, p.accumulate_dresidual);
  });
}

/// y <- z and what the operator has behind the normalisation: residual, ReLU and its mask.
template <typename T>
void finish_forward(const BatchNormForward& p, const Tile& tile, const float* z) {
  const T* residual = p.residual ? p.residual.data<T>() + tile.start : nullptr;
  std::uint8_t* mask = p.mask ? p.mask.data<std::uint8_t>() + tile.start / 8 : nullptr;
  T* y = p.y.data<T>() + tile.start;
  for_lanes(tile.count(), [&](std::int64_t i, auto n) {
    Lanes values;
    load(values, z + i, n);
    if (residual) {
      Lanes added;
      load(added, residual + i, n);
      values += added;
    }
    if (mask) store_bits(positive_bits(values), mask + i / 8, n);
    if (p.relu) values = values < 0.0f ? Lanes{} : values;
    store(values, y + i, n);
  });
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
    sum_tiles(m, sums, [&](const Tile& tile, float*, double* first, double* second) {
      for_lanes(tile.width, [&](std::int64_t c, auto n) {
        Lanes sum{}, square{}, shift;
        load(shift, pivot.data() + tile.channel + c, n);
        for (std::int64_t i = c; i < tile.count(); i += tile.width) {
          Lanes d;
          load(d, values + tile.start + i, n);
          d -= shift;
          sum += d;
          square += d * d;
        }
        add_to(first + tile.channel + c, sum, n);
        add_to(second + tile.channel + c, square, n);
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
    for_tiles(m, [&](const Tile& tile, float* z) {
      const T* x = p.x.data<T>() + tile.start;
      for_lanes(tile.width, [&](std::int64_t c, auto n) {
        Lanes a, b;
        load(a, gain.data() + tile.channel + c, n);
        load(b, offset.data() + tile.channel + c, n);
        for (std::int64_t i = c; i < tile.count(); i += tile.width) {
          Lanes values;
          load(values, x + i, n);
          store(values * a + b, z + i, n);
        }
      });
      finish_forward<T>(p, tile, z);
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
    sum_tiles(m, sums, [&](const Tile& tile, float* dz, double* first, double* second) {
      const T* x = p.x.data<T>() + tile.start;
      load_dz<T>(p, tile, dz);
      for_lanes(tile.width, [&](std::int64_t c, auto n) {
        Lanes sum{}, product{}, centre;
        load(centre, mean + tile.channel + c, n);
        for (std::int64_t i = c; i < tile.count(); i += tile.width) {
          Lanes d, values;
          load(d, dz + i, n);
          load(values, x + i, n);
          sum += d;
          product += d * (values - centre);
        }
        add_to(first + tile.channel + c, sum, n);
        add_to(second + tile.channel + c, product, n, rstd + tile.channel + c);
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
    for_tiles(m, [&](const Tile& tile, float* dz) {
      load_dz<T>(p, tile, dz);
      if (!p.dx) return;
      const T* x = p.x.data<T>() + tile.start;
      T* dx = p.dx.data<T>() + tile.start;
      for_lanes(tile.width, [&](std::int64_t c, auto n) {
        Lanes g, s, o;
        load(g, gain.data() + tile.channel + c, n);
        load(s, slope.data() + tile.channel + c, n);
        load(o, offset.data() + tile.channel + c, n);
        for (std::int64_t i = c; i < tile.count(); i += tile.width) {
          Lanes d, values;
          load(d, dz + i, n);
          load(values, x + i, n);
          store(g * d + (s * values + o), dx + i, n, p.accumulate_dx);
        }
      });
    });
  });
}

}  // namespace stint::cpu
