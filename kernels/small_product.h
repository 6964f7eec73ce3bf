#pragma once

#include <cstdint>
#include <cstring>

/// Products of matrices that lie in a core's cache, in float, on one thread: what attention does head by head, too
/// small for a library's call. Six rows by two vectors are kept in registers.
namespace stint {

namespace detail {

#ifdef __AVX512F__
inline constexpr int vector_bytes = 64;
#elif defined(__AVX__)
inline constexpr int vector_bytes = 32;
#else
inline constexpr int vector_bytes = 16;
#endif
typedef float Vector __attribute__((vector_size(vector_bytes)));
inline constexpr std::int64_t vector_floats = vector_bytes / sizeof(float);

inline void load(Vector& vector, const float* from) {
  std::memcpy(&vector, from, sizeof vector);  // one move; of a whole array it would be a detour through the stack
}

/// c [R, V vectors] of a product; a's element (i, l) is at i * a_row + l * a_column.
template <int R, int V>
void product_block(std::int64_t k, const float* a, std::int64_t a_row, std::int64_t a_column, const float* b,
                   std::int64_t b_row, float* c, std::int64_t c_row, bool accumulate) {
  Vector sums[R][V] = {};
  if (accumulate) {
    for (int r = 0; r < R; ++r) {
      for (int v = 0; v < V; ++v) load(sums[r][v], c + r * c_row + v * vector_floats);
    }
  }
  for (std::int64_t l = 0; l < k; ++l) {
    Vector right[V];
    for (int v = 0; v < V; ++v) load(right[v], b + l * b_row + v * vector_floats);
    for (int r = 0; r < R; ++r) {
      float left = a[r * a_row + l * a_column];
      for (int v = 0; v < V; ++v) sums[r][v] += left * right[v];
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < V; ++v) std::memcpy(c + r * c_row + v * vector_floats, &sums[r][v], sizeof(Vector));
  }
}

template <int R>
void product_rows(std::int64_t n, std::int64_t k, const float* a, std::int64_t a_row, std::int64_t a_column,
                  const float* b, std::int64_t b_row, float* c, std::int64_t c_row, bool accumulate) {
  std::int64_t j = 0;
  for (; j + 2 * vector_floats <= n; j += 2 * vector_floats) {
    product_block<R, 2>(k, a, a_row, a_column, b + j, b_row, c + j, c_row, accumulate);
  }
  for (; j < n; j += vector_floats) {
    product_block<R, 1>(k, a, a_row, a_column, b + j, b_row, c + j, c_row, accumulate);
  }
}

/// The last rows, fewer than a block, all at once: one by one each would wait for its own sums.
template <int R, typename... Arguments>
void last_rows(std::int64_t rows, const Arguments&... arguments) {
  if (rows == R) return product_rows<R>(arguments...);
  if constexpr (R > 1) last_rows<R - 1>(rows, arguments...);
}

}  // namespace detail

/// c [m,n] <- a [m,k] * b [k,n] + (accumulate ? c : 0). n is a multiple of 16. a is read element by element, so it may
/// lie transposed: element (i, l) at i * a_row + l * a_column.
inline void small_product(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, std::int64_t a_row,
                          std::int64_t a_column, const float* b, std::int64_t b_row, float* c, std::int64_t c_row,
                          bool accumulate = false) {
  constexpr int block = 6;
  std::int64_t i = 0;
  for (; i + block <= m; i += block) {
    detail::product_rows<block>(n, k, a + i * a_row, a_row, a_column, b, b_row, c + i * c_row, c_row, accumulate);
  }
  if (i < m) {
    detail::last_rows<block - 1>(m - i, n, k, a + i * a_row, a_row, a_column, b, b_row, c + i * c_row, c_row,
                                 accumulate);
  }
}

}  // namespace stint
