#pragma once

#include <stint/kernels/vector_math.h>

#include <cmath>
#include <vector>

/// The two passes of a softmax over a row, for CPU kernels.
namespace stint {

/// Memory of this thread for `count` floats and what else fills up the last sixteen; the next call may take it again.
inline float* row_of_floats(std::int64_t count) {
  thread_local std::vector<float> row;  // kept: memory that is given back is paid for again in page faults
  if (std::ssize(row) < count + lane_count) row.resize(count + lane_count);
  return row.data();
}

template <typename T>
float largest_of(const T* row, std::int64_t count) {
  const LaneInts places = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const Lanes lowest = Lanes{} - INFINITY;
  Lanes largest = lowest;
  for_lanes(count, [&](std::int64_t i, auto n) {
    Lanes x;
    load(x, row + i, n);
    if (n < lane_count) x = places < static_cast<std::int32_t>(n) ? x : lowest;
    raise_to(largest, x);  // x that is NaN counts for nothing
  });
  return largest_of(largest);
}

/// out <- e^(row - subtracted), and zeros behind them up to a multiple of 16; returns their sum. Both may be one row.
template <typename T>
float exponentials(const T* row, std::int64_t count, float subtracted, float* out) {
  Lanes sums{};
  for_lanes(count, [&](std::int64_t i, auto n) {
    Lanes x;
    load(x, row + i, n);
    x -= subtracted;
    vector_exp(x);
    if (n < lane_count) keep_bits(x, (1u << n) - 1);
    store(x, out + i);
    sums += x;
  });
  return sum_of(sums);
}

}  // namespace stint
