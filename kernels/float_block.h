#pragma once

#include <cstdint>
#include <type_traits>

/// Small stretches of memory as floats: what the CPU kernels compute on, whatever the dtype.
namespace stint {

/// `count` elements as floats: the memory itself where it is float, else converted into `scratch`.
template <typename T>
const float* as_floats(const T* values, std::int64_t count, float* scratch) {
  if constexpr (std::is_same_v<T, float>) {
    return values;
  } else {
    for (std::int64_t i = 0; i < count; ++i) scratch[i] = values[i];
    return scratch;
  }
}

/// out <- values, or out <- out + values.
template <typename T>
void store_floats(const float* values, std::int64_t count, T* out, bool accumulate = false) {
  if (accumulate) {
    for (std::int64_t i = 0; i < count; ++i) out[i] = float(out[i]) + values[i];
  } else {
    for (std::int64_t i = 0; i < count; ++i) out[i] = values[i];
  }
}

/// The sum of term(i) over [0, count), in 16 lanes, because that is what compilers turn into vector code. The order of
/// the additions depends on `count` alone.
template <typename Term>
float sum_of(std::int64_t count, const Term& term) {
  constexpr std::int64_t lanes = 16;
  float sums[lanes] = {};
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    for (std::int64_t lane = 0; lane < lanes; ++lane) sums[lane] += term(i + lane);
  }
  for (; i < count; ++i) sums[i % lanes] += term(i);
  for (std::int64_t half = lanes / 2; half > 0; half /= 2) {
    for (std::int64_t lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
  }
  return sums[0];
}

}  // namespace stint
