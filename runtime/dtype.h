#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace stint {

/// i64 is for files only: PyTorch counts batches in it.
enum class DType : std::uint8_t { f32, bf16, i32, u8, i64 };

constexpr std::size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
    case DType::i32:
      return 4;
    case DType::bf16:
      return 2;
    case DType::u8:
      return 1;
    case DType::i64:
      return 8;
  }
  return 0;
}

constexpr std::string_view name_of(DType dtype) {
  constexpr std::string_view names[] = {"f32", "bf16", "i32", "u8", "i64"};
  return names[static_cast<int>(dtype)];
}

/// Storage format of bfloat16; arithmetic is done in float. Conversion rounds to nearest even and keeps NaN a NaN.
/// constexpr, here and in philox.h, makes functions usable in CUDA kernels.
struct bfloat16 {
  std::uint16_t bits = 0;

  bfloat16() = default;
  constexpr bfloat16(float value) {  // NOLINT(google-explicit-constructor): a number format
    auto word = std::bit_cast<std::uint32_t>(value);
    bool nan = (word & 0x7fffffffu) > 0x7f800000u;
    std::uint32_t rounded = word + 0x7fffu + ((word >> 16) & 1u);
    bits = static_cast<std::uint16_t>((nan ? word | 0x400000u : rounded) >> 16);
  }
  constexpr operator float() const { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }  // NOLINT
};

template <typename T>
constexpr DType dtype_of();
template <>
constexpr DType dtype_of<float>() {
  return DType::f32;
}
template <>
constexpr DType dtype_of<bfloat16>() {
  return DType::bf16;
}
template <>
constexpr DType dtype_of<std::int32_t>() {
  return DType::i32;
}
template <>
constexpr DType dtype_of<std::uint8_t>() {
  return DType::u8;
}

}  // namespace stint
