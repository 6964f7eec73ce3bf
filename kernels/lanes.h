#pragma once

#include <stint/runtime/dtype.h>

#include <cstring>
#include <type_traits>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

/// Sixteen floats that stay in registers: what CPU kernels work on that read and write memory once. Loads and stores
/// take `n` <= 16 elements of float or bfloat16; with n a constant of 16 each is one move.
namespace stint {

inline constexpr std::int64_t lane_count = 16;

typedef float Lanes __attribute__((vector_size(lane_count * sizeof(float))));
typedef std::int32_t LaneInts __attribute__((vector_size(lane_count * sizeof(float))));  // -1 and 0 of a comparison
typedef std::uint32_t LaneWords __attribute__((vector_size(lane_count * sizeof(float))));
typedef std::uint16_t LaneHalves __attribute__((vector_size(lane_count * sizeof(bfloat16))));

inline void load(Lanes& lanes, const float* from, std::int64_t n = lane_count) {
  if (n < lane_count) lanes = Lanes{};
  std::memcpy(&lanes, from, n * sizeof(float));
}

inline void load(Lanes& lanes, const bfloat16* from, std::int64_t n = lane_count) {
  LaneHalves halves{};
  std::memcpy(&halves, from, n * sizeof(bfloat16));
  LaneWords words = __builtin_convertvector(halves, LaneWords) << 16;
  std::memcpy(&lanes, &words, sizeof lanes);
}

inline void store(const Lanes& lanes, float* to, std::int64_t n = lane_count) {
  std::memcpy(to, &lanes, n * sizeof(float));
}

/// Rounds as bfloat16 itself does.
inline void store(const Lanes& lanes, bfloat16* to, std::int64_t n = lane_count) {
  LaneWords words;
  std::memcpy(&words, &lanes, sizeof words);
  LaneWords rounded = words + 0x7fffu + ((words >> 16) & 1u);
  rounded = (words & 0x7fffffffu) > 0x7f800000u ? words | 0x400000u : rounded;
  LaneHalves halves = __builtin_convertvector(rounded >> 16, LaneHalves);
  std::memcpy(static_cast<void*>(to), &halves, n * sizeof(bfloat16));
}

/// Adds to memory, or overwrites it.
template <typename T>
void store(const Lanes& lanes, T* to, std::int64_t n, bool accumulate) {
  Lanes before{};
  if (accumulate) load(before, to, n);
  store(accumulate ? before + lanes : lanes, to, n);
}

/// Bit i says that lane i is above 0, or NaN.
inline unsigned positive_bits(const Lanes& lanes) {
#ifdef __AVX512F__
  return _mm512_cmp_ps_mask(reinterpret_cast<const __m512&>(lanes), _mm512_setzero_ps(), _CMP_NLE_UQ);
#else
  unsigned bits = 0;
  for (int i = 0; i < lane_count; ++i) bits |= unsigned{!(lanes[i] <= 0)} << i;
  return bits;
#endif
}

/// Lanes whose bit is not set become 0.
inline void keep_bits(Lanes& lanes, unsigned bits) {
#ifdef __AVX512F__
  auto& all = reinterpret_cast<__m512&>(lanes);
  all = _mm512_maskz_mov_ps(static_cast<__mmask16>(bits), all);
#else
  const LaneWords places = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  LaneWords words;
  std::memcpy(&words, &lanes, sizeof words);
  words &= 0u - (((LaneWords{} + bits) >> places) & 1u);
  std::memcpy(&lanes, &words, sizeof words);
#endif
}

/// In a fixed order.
inline float sum_of(const Lanes& lanes) {
  float sums[lane_count];
  std::memcpy(sums, &lanes, sizeof sums);
  for (std::int64_t half = lane_count / 2; half > 0; half /= 2) {
    for (std::int64_t lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
  }
  return sums[0];
}

/// Calls body(start, n) for [0, count) in sixteens, n a constant but for the last.
template <typename Body>
void for_lanes(std::int64_t count, const Body& body) {
  std::int64_t start = 0;
  for (; start + lane_count <= count; start += lane_count) {
    body(start, std::integral_constant<std::int64_t, lane_count>{});
  }
  if (start < count) body(start, count - start);
}

}  // namespace stint
