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

}  // namespace stint
