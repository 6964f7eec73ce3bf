#pragma once

#include <cstdint>
#include <vector>

/// The matrix product as its definition says, in float, on host memory: the CPU backend of builds without oneDNN
/// (STINT_ONEDNN=OFF), and what stands in for cuBLASLt where CUDA kernels run on the CPU. Slow.
namespace stint::plain {

/// c [m,n] <- a [m,k] * b [k,n] + (accumulate ? c : 0) + bias, where element (i, j) of a lies at i * a_row + j *
/// a_column and so on. bias: [n] or null.
template <typename A, typename B, typename C>
void product(std::int64_t m, std::int64_t n, std::int64_t k, const A* a, std::int64_t a_row, std::int64_t a_column,
             const B* b, std::int64_t b_row, std::int64_t b_column, C* c, bool accumulate, const auto* bias) {
  std::vector<float> sums(n);
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      sums[j] = (accumulate ? float(c[i * n + j]) : 0.0f) + (bias ? float(bias[j]) : 0.0f);
    }
    for (std::int64_t l = 0; l < k; ++l) {
      float factor = a[i * a_row + l * a_column];
      for (std::int64_t j = 0; j < n; ++j) sums[j] += factor * float(b[l * b_row + j * b_column]);
    }
    for (std::int64_t j = 0; j < n; ++j) c[i * n + j] = sums[j];
  }
}

}  // namespace stint::plain
