#pragma once

#include <bit>
#include <cstdint>

/// Magnitudes as integers: what selection compares. For CPU and CUDA kernels alike.
namespace stint {

inline constexpr std::uint32_t infinity_key = 0x7f800000u;
inline constexpr std::uint32_t nan_key = 0x7fc00000u;
inline constexpr int key_bits = 31;

/// |value - center|, as an integer of the same order. Every NaN has the same key, above infinity's.
constexpr std::uint32_t magnitude_key(float value, float center) {
  std::uint32_t key = std::bit_cast<std::uint32_t>(value - center) & 0x7fffffffu;
  return key > infinity_key ? nan_key : key;
}

/// Makes the keys of some elements, whose first has number `first`.
struct MagnitudeKeys {
  float center = 0;

  template <int n>
  constexpr void operator()(const float* values, std::int64_t, std::uint32_t (&keys)[n]) const {
    for (int j = 0; j < n; ++j) keys[j] = magnitude_key(values[j], center);
  }
};

/// A key's digits, from the most significant on: selection finds one after the other.
struct Digit {
  int shift, bits;

  constexpr std::uint32_t of(std::uint32_t key) const { return (key >> shift) & ((1u << bits) - 1); }
  /// What is above the digit.
  constexpr std::uint32_t prefix(std::uint32_t key) const { return key >> (shift + bits); }
};

inline constexpr Digit digits[] = {{20, 11}, {10, 10}, {0, 10}};
inline constexpr int most_bins = 2048;  ///< of a digit
static_assert(digits[0].shift + digits[0].bits == key_bits);

/// How many digits say everything. A bf16 is a float whose last 16 bits are zero, and so are they in a NaN's key.
template <typename T>
inline constexpr int digit_count = sizeof(T) == 2 ? 2 : 3;

}  // namespace stint
