#pragma once

#include <stint/kernels/lanes.h>

/// One-bit masks in storage order: bit i % 8 of byte i / 8 belongs to element i.
namespace stint {

inline std::int64_t mask_bytes(std::int64_t count) {
  return (count + 7) / 8;
}

/// The bits of `n` <= 16 elements, at the first of their bytes; those behind the last element are zero.
inline void store_bits(unsigned bits, std::uint8_t* mask, std::int64_t n) {
  std::uint16_t word = static_cast<std::uint16_t>(bits & ((1u << n) - 1));
  std::memcpy(mask, &word, mask_bytes(n));
}

inline unsigned load_bits(const std::uint8_t* mask, std::int64_t n) {
  std::uint16_t word = 0;
  std::memcpy(&word, mask, mask_bytes(n));
  return word;
}

}  // namespace stint
