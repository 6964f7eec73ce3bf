#pragma once

#include <bit>
#include <cstdint>

/// Magnitudes as integers: what selection compares. For CPU and CUDA kernels alike.
namespace stint {

inline constexpr std::uint32_t infinity_key = 0x7f800000u;
inline constexpr std::uint32_t nan_key = 0x7fc00000u;

/// |value - center|, as an integer of the same order. Every NaN has the same key, above infinity's.
constexpr std::uint32_t magnitude_key(float value, float center) {
  std::uint32_t key = std::bit_cast<std::uint32_t>(value - center) & 0x7fffffffu;
  return key > infinity_key ? nan_key : key;
}

/// Bits of a key that say nothing: a bf16 is a float whose last 16 bits are zero, and so are they in a NaN's key.
template <typename T>
constexpr int silent_bits = sizeof(T) == 2 ? 16 : 0;

/// Makes the keys of some elements, whose first has number `first`.
struct MagnitudeKeys {
  float center = 0;

  template <int n>
  constexpr void operator()(const float* values, std::int64_t, std::uint32_t (&keys)[n]) const {
    for (int j = 0; j < n; ++j) keys[j] = magnitude_key(values[j], center);
  }
};

}  // namespace stint
