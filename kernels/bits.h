#pragma once

#include <bit>
#include <cstdint>

/// One-bit masks in storage order: bit i % 8 of byte i / 8 belongs to element i.
namespace stint {

inline std::int64_t mask_bytes(std::int64_t count) {
  return (count + 7) / 8;
}

/// mask <- (values > 0, or NaN), a bit an element; the bits behind the last element are zero.
inline void pack_positive(const float* values, std::int64_t count, std::uint8_t* mask) {
  std::int64_t whole = count / 8;
  for (std::int64_t byte = 0; byte < whole; ++byte) {
    unsigned bits = 0;
    for (int bit = 0; bit < 8; ++bit) bits |= unsigned{!(values[byte * 8 + bit] <= 0)} << bit;
    mask[byte] = static_cast<std::uint8_t>(bits);
  }
  if (count % 8 != 0) {
    unsigned bits = 0;
    for (int bit = 0; bit < count % 8; ++bit) bits |= unsigned{!(values[whole * 8 + bit] <= 0)} << bit;
    mask[whole] = static_cast<std::uint8_t>(bits);
  }
}

/// out <- values where the mask's bit is set, else 0. Converts `T` to float. Sixteen at a time, with bit arithmetic
/// instead of a choice, because that is what compilers turn into vector code.
template <typename T>
void select_masked(const T* values, const std::uint8_t* mask, std::int64_t count, float* out) {
  std::int64_t i = 0;
  for (; i + 16 <= count; i += 16) {
    std::uint32_t word = mask[i / 8] | std::uint32_t{mask[i / 8 + 1]} << 8;
    for (std::uint32_t lane = 0; lane < 16; ++lane) {
      std::uint32_t keep = 0u - ((word >> lane) & 1u);
      out[i + lane] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(float(values[i + lane])) & keep);
    }
  }
  for (; i < count; ++i) out[i] = (mask[i / 8] >> (i % 8)) & 1 ? float(values[i]) : 0.0f;
}

}  // namespace stint
