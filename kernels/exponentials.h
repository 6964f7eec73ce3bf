#pragma once

#include <stint/kernels/vector_math.h>

#include <algorithm>
#include <cmath>

/// The two passes of a softmax over a row of floats, for CPU kernels.
namespace stint {

inline float largest_of(const float* row, std::int64_t count) {
  Lanes largest = Lanes{} - INFINITY;
  for_lanes(count, [&](std::int64_t j, auto n) {
    Lanes v = Lanes{} - INFINITY;
    std::memcpy(&v, row + j, n * sizeof(float));
    largest = v > largest ? v : largest;
  });
  float result = largest[0];
  for (int lane = 1; lane < lane_count; ++lane) result = std::max(result, largest[lane]);
  return result;
}

/// out <- e^(row - subtracted), and zeros behind them up to a multiple of 16; returns their sum. Both may be one row.
inline float exponentials(const float* row, std::int64_t count, float subtracted, float* out) {
  Lanes sums{};
  for_lanes(count, [&](std::int64_t i, auto n) {
    Lanes x;
    load(x, row + i, n);
    x -= subtracted;
    vector_exp(x);
    keep_bits(x, (1u << n) - 1);
    store(x, out + i);
    sums += x;
  });
  return sum_of(sums);
}

}  // namespace stint
