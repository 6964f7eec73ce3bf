// Attention, tiled: a block has 32 rows (queries, or keys in the second backward kernel) of one head and walks the
// others in tiles of 32 through shared memory; a warp has four of the rows, its lanes the 32 of the tile, then the
// channels. Forward: softmax with a running maximum and sum; the log of the sum is written for backward. Backward in
// two kernels, which make the probabilities again:
//   queries: dq = scale * (sum_j p dp k - delta * sum_j p k), delta = sum_j p dp, so one walk finds delta too;
//   keys:    dv = sum_i p dy, dk = scale * sum_i p (dp - delta) q.
// y is overwritten, dqkv may accumulate. Plain multiply-adds in f32; heads of up to 64 channels.

#include <stint/kernels/attention/attention_kernels.h>
#include <stint/kernels/cuda.cuh>

#include <cmath>

namespace stint::cuda {

struct AttentionShape {
  std::int64_t tokens;
  int heads, dim;
  float scale;

  __device__ int channels() const { return heads * dim; }
  /// Of this block's image and head: element 0 of part `part` of qkv (of y: 0 of 1), and of log_sums.
  __device__ std::int64_t offset(int part, int parts) const {
    return (std::int64_t{blockIdx.z} * tokens * parts + part) * channels() + std::int64_t{blockIdx.y} * dim;
  }
  __device__ std::int64_t row_offset() const { return (std::int64_t{blockIdx.z} * heads + blockIdx.y) * tokens; }
};

constexpr int tile = 32;  // a warp's lanes
constexpr int warp_rows = tile / (block_size / warp_size);

/// 32 rows of a head as floats, zeros behind the last token; one more float a row, so that lanes that read a column of
/// it meet no bank twice.
struct RowTile {
  float* values;
  int pitch;

  __device__ RowTile(float*& place, int dim) : values(place), pitch(dim + 1) { place += tile * pitch; }

  template <typename T>
  __device__ void load(const AttentionShape& s, const T* tensor, int part, int parts, std::int64_t begin) const {
    const T* first = tensor + s.offset(part, parts);
    for (int i = static_cast<int>(threadIdx.x); i < tile * s.dim; i += static_cast<int>(block_size)) {
      int row = i / s.dim, d = i % s.dim;
      bool inside = begin + row < s.tokens;
      values[row * pitch + d] = inside ? static_cast<float>(first[(begin + row) * parts * s.channels() + d]) : 0.0f;
    }
  }
  __device__ float at(int row, int d) const { return values[row * pitch + d]; }
};

/// products[r] <- dot of this warp's r-th row of `rows` with this lane's row of `others`
__device__ inline void dot_rows(int dim, const RowTile& rows, const RowTile& others, float (&products)[warp_rows]) {
  int first = static_cast<int>(threadIdx.x) / warp_size * warp_rows, lane = static_cast<int>(threadIdx.x) % warp_size;
  for (float& product : products) product = 0;
  for (int d = 0; d < dim; ++d) {
    float other = others.at(lane, d);
    for (int r = 0; r < warp_rows; ++r) products[r] += rows.at(first + r, d) * other;
  }
}

/// Hands a number a row and lane to the whole warp.
struct WarpTable {
  float* values;

  __device__ explicit WarpTable(float*& place) : values(place) { place += tile * tile; }
  __device__ float& at(int r, int lane) const {
    return values[(static_cast<int>(threadIdx.x) / warp_size * warp_rows + r) * tile + lane];
  }
};

/// sums[r][chunk] += sum_j factors(r, j) * others(j, d) for the channels d = chunk * 32 + lane
template <int chunks>
__device__ void add_rows(int dim, const WarpTable& factors, const RowTile& others, float (&sums)[warp_rows][chunks]) {
  int lane = static_cast<int>(threadIdx.x) % warp_size;
  for (int j = 0; j < tile; ++j) {
    for (int chunk = 0; chunk < chunks; ++chunk) {
      int d = chunk * warp_size + lane;
      float other = d < dim ? others.at(j, d) : 0.0f;
      for (int r = 0; r < warp_rows; ++r) sums[r][chunk] += factors.at(r, j) * other;
    }
  }
}

/// Writes this warp's rows from `begin` on: out <- factor(r) * sums, or added to it.
template <int chunks, typename T, typename Value>
__device__ void store_rows(const AttentionShape& s, T* tensor, int part, int parts, std::int64_t begin, bool accumulate,
                           const Value& value) {
  int first = static_cast<int>(threadIdx.x) / warp_size * warp_rows, lane = static_cast<int>(threadIdx.x) % warp_size;
  for (int r = 0; r < warp_rows; ++r) {
    std::int64_t token = begin + first + r;
    if (token >= s.tokens) return;
    T* row = tensor + s.offset(part, parts) + token * parts * s.channels();
    for (int chunk = 0; chunk < chunks; ++chunk) {
      int d = chunk * warp_size + lane;
      if (d < s.dim) row[d] = to<T>(value(r, chunk) + (accumulate ? static_cast<float>(row[d]) : 0.0f));
    }
  }
}

template <typename T, int chunks>
__global__ void attention_forward_kernel(AttentionShape s, const T* qkv, T* y, float* log_sums) {
  float* place = shared_memory<float>();
  RowTile q(place, s.dim), k(place, s.dim), v(place, s.dim);
  WarpTable p(place);
  int lane = static_cast<int>(threadIdx.x) % warp_size;
  std::int64_t begin = std::int64_t{blockIdx.x} * tile;
  q.load(s, qkv, 0, 3, begin);
  float sums[warp_rows][chunks] = {}, largest[warp_rows], total[warp_rows] = {}, score[warp_rows];
  for (float& value : largest) value = -INFINITY;
  for (std::int64_t keys = 0; keys < s.tokens; keys += tile) {
    __syncthreads();
    k.load(s, qkv, 1, 3, keys);
    v.load(s, qkv, 2, 3, keys);
    __syncthreads();
    dot_rows(s.dim, q, k, score);
    bool inside = keys + lane < s.tokens;
    for (int r = 0; r < warp_rows; ++r) {
      float now = inside ? s.scale * score[r] : -INFINITY;
      float tile_largest = warp_max(now), before = largest[r];
      largest[r] = tile_largest > before ? tile_largest : before;
      float probability = expf(now - largest[r]), correction = expf(before - largest[r]);
      total[r] = total[r] * correction + warp_sum(probability);
      for (int chunk = 0; chunk < chunks; ++chunk) sums[r][chunk] *= correction;
      p.at(r, lane) = probability;
    }
    __syncwarp();
    add_rows(s.dim, p, v, sums);
  }
  store_rows<chunks>(s, y, 0, 1, begin, false, [&](int r, int chunk) { return sums[r][chunk] / total[r]; });
  int first = static_cast<int>(threadIdx.x) / warp_size * warp_rows;
  for (int r = 0; r < warp_rows; ++r) {
    std::int64_t token = begin + first + r;
    if (lane == 0 && token < s.tokens) log_sums[s.row_offset() + token] = largest[r] + logf(total[r]);
  }
}

template <typename T, int chunks>
__global__ void attention_queries_kernel(AttentionShape s, const T* qkv, const T* dy, const float* log_sums, T* dqkv,
                                         float* deltas, bool accumulate) {
  float* place = shared_memory<float>();
  RowTile q(place, s.dim), d(place, s.dim), k(place, s.dim), v(place, s.dim);
  WarpTable p(place), weighted(place);
  int lane = static_cast<int>(threadIdx.x) % warp_size;
  int first = static_cast<int>(threadIdx.x) / warp_size * warp_rows;
  std::int64_t begin = std::int64_t{blockIdx.x} * tile;
  q.load(s, qkv, 0, 3, begin);
  d.load(s, dy, 0, 1, begin);
  float keys_sum[warp_rows][chunks] = {}, weighted_sum[warp_rows][chunks] = {}, delta[warp_rows] = {};
  float score[warp_rows], slope[warp_rows], log_sum[warp_rows];
  for (int r = 0; r < warp_rows; ++r) {
    std::int64_t token = begin + first + r;
    log_sum[r] = token < s.tokens ? log_sums[s.row_offset() + token] : 0.0f;
  }
  for (std::int64_t keys = 0; keys < s.tokens; keys += tile) {
    __syncthreads();
    k.load(s, qkv, 1, 3, keys);
    v.load(s, qkv, 2, 3, keys);
    __syncthreads();
    dot_rows(s.dim, q, k, score);
    dot_rows(s.dim, d, v, slope);
    bool inside = keys + lane < s.tokens;
    for (int r = 0; r < warp_rows; ++r) {
      float probability = inside ? expf(s.scale * score[r] - log_sum[r]) : 0.0f;
      delta[r] += probability * slope[r];
      p.at(r, lane) = probability;
      weighted.at(r, lane) = probability * slope[r];
    }
    __syncwarp();
    add_rows(s.dim, p, k, keys_sum);
    add_rows(s.dim, weighted, k, weighted_sum);
  }
  for (int r = 0; r < warp_rows; ++r) {
    delta[r] = warp_sum(delta[r]);
    std::int64_t token = begin + first + r;
    if (lane == 0 && token < s.tokens) deltas[s.row_offset() + token] = delta[r];
  }
  store_rows<chunks>(s, dqkv, 0, 3, begin, accumulate, [&](int r, int chunk) {
    return s.scale * (weighted_sum[r][chunk] - delta[r] * keys_sum[r][chunk]);
  });
}

template <typename T, int chunks>
__global__ void attention_keys_kernel(AttentionShape s, const T* qkv, const T* dy, const float* log_sums,
                                      const float* deltas, T* dqkv, bool accumulate) {
  float* place = shared_memory<float>();
  RowTile q(place, s.dim), d(place, s.dim), k(place, s.dim), v(place, s.dim);
  WarpTable p(place), ds(place);
  int lane = static_cast<int>(threadIdx.x) % warp_size;
  std::int64_t begin = std::int64_t{blockIdx.x} * tile;
  k.load(s, qkv, 1, 3, begin);
  v.load(s, qkv, 2, 3, begin);
  float dk[warp_rows][chunks] = {}, dv[warp_rows][chunks] = {}, score[warp_rows], slope[warp_rows];
  for (std::int64_t queries = 0; queries < s.tokens; queries += tile) {
    __syncthreads();
    q.load(s, qkv, 0, 3, queries);
    d.load(s, dy, 0, 1, queries);
    __syncthreads();
    dot_rows(s.dim, k, q, score);
    dot_rows(s.dim, v, d, slope);
    bool inside = queries + lane < s.tokens;
    std::int64_t query = s.row_offset() + queries + lane;
    float log_sum = inside ? log_sums[query] : 0.0f, delta = inside ? deltas[query] : 0.0f;
    for (int r = 0; r < warp_rows; ++r) {
      float probability = inside ? expf(s.scale * score[r] - log_sum) : 0.0f;
      p.at(r, lane) = probability;
      ds.at(r, lane) = probability * (slope[r] - delta);
    }
    __syncwarp();
    add_rows(s.dim, ds, q, dk);
    add_rows(s.dim, p, d, dv);
  }
  store_rows<chunks>(s, dqkv, 1, 3, begin, accumulate, [&](int r, int chunk) { return s.scale * dk[r][chunk]; });
  store_rows<chunks>(s, dqkv, 2, 3, begin, accumulate, [&](int r, int chunk) { return dv[r][chunk]; });
}

namespace {

AttentionShape shape_of(const AttentionCase& c) {
  return {c.tokens, static_cast<int>(c.heads), static_cast<int>(c.dim), 1 / std::sqrt(static_cast<float>(c.dim))};
}

dim3 grid_of(const AttentionCase& c) {
  return {static_cast<unsigned>((c.tokens + tile - 1) / tile), static_cast<unsigned>(c.heads),
          static_cast<unsigned>(c.images)};
}

std::size_t shared_bytes(const AttentionCase& c, int row_tiles, int tables) {
  return (row_tiles * tile * (static_cast<std::size_t>(c.dim) + 1) + tables * tile * tile) * sizeof(float);
}

/// Calls body(T{}, chunks) for the dtype and the chunks of 32 channels of a head.
template <typename Body>
void with_attention_types(const AttentionCase& c, const Tensor& qkv, const Body& body) {
  require(c.dim <= 2 * warp_size, "attention", "expected heads of at most {} channels on CUDA, got {}", 2 * warp_size,
          c.dim);
  require(c.images < 65536 && c.heads < 65536, "attention", "expected fewer than 65536 images and heads, got {} and {}",
          c.images, c.heads);
  with_float_type(qkv.dtype(), "attention", [&](auto type) {
    if (c.dim <= warp_size) {
      body(type, std::integral_constant<int, 1>{});
    } else {
      body(type, std::integral_constant<int, 2>{});
    }
  });
}

}  // namespace

std::size_t attention_workspace(const AttentionCase& c) {
  return static_cast<std::size_t>(c.images * c.heads * c.tokens) * sizeof(float);
}

void attention_forward(const AttentionCase& c, const Tensor& qkv, const Tensor& y, const Tensor& log_sums) {
  with_attention_types(c, qkv, [&](auto type, auto chunks) {
    using T = decltype(type);
    launch(attention_forward_kernel<T, decltype(chunks)::value>, grid_of(c), block_size, shared_bytes(c, 3, 1),
           stream_of(qkv), shape_of(c), qkv.data<T>(), y.data<T>(), log_sums.data<float>());
  });
}

void attention_backward(const AttentionCase& c, const Tensor& qkv, const Tensor& log_sums, const Tensor& dy,
                        const Tensor& dqkv, bool accumulate, const Tensor& workspace) {
  auto* deltas = reinterpret_cast<float*>(workspace.raw());
  with_attention_types(c, qkv, [&](auto type, auto chunks) {
    using T = decltype(type);
    launch(attention_queries_kernel<T, decltype(chunks)::value>, grid_of(c), block_size, shared_bytes(c, 4, 2),
           stream_of(qkv), shape_of(c), qkv.data<T>(), dy.data<T>(), log_sums.data<float>(), dqkv.data<T>(), deltas,
           accumulate);
    launch(attention_keys_kernel<T, decltype(chunks)::value>, grid_of(c), block_size, shared_bytes(c, 4, 2),
           stream_of(qkv), shape_of(c), qkv.data<T>(), dy.data<T>(), log_sums.data<float>(), deltas, dqkv.data<T>(),
           accumulate);
  });
}

}  // namespace stint::cuda
