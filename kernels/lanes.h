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
typedef double WideLanes __attribute__((vector_size(lane_count / 2 * sizeof(double))));  // half of them in double
typedef std::uint16_t LaneHalves __attribute__((vector_size(lane_count * sizeof(bfloat16))));

// The first n < 16 of a vector; a load leaves zeros behind them. Nothing beyond them is touched.
#if defined(__AVX512BW__) && defined(__AVX512VL__)
inline void load_first(Lanes& lanes, const float* from, std::int64_t n) {
  reinterpret_cast<__m512&>(lanes) = _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), from);
}
inline void load_first(LaneHalves& halves, const bfloat16* from, std::int64_t n) {
  reinterpret_cast<__m256i&>(halves) = _mm256_maskz_loadu_epi16(static_cast<__mmask16>((1u << n) - 1), from);
}
inline void store_first(const Lanes& lanes, float* to, std::int64_t n) {
  _mm512_mask_storeu_ps(to, static_cast<__mmask16>((1u << n) - 1), reinterpret_cast<const __m512&>(lanes));
}
inline void store_first(const LaneHalves& halves, bfloat16* to, std::int64_t n) {
  _mm256_mask_storeu_epi16(to, static_cast<__mmask16>((1u << n) - 1), reinterpret_cast<const __m256i&>(halves));
}
#else
template <typename Vector, typename T>
void load_first(Vector& vector, const T* from, std::int64_t n) {
  vector = Vector{};
  std::memcpy(&vector, from, n * sizeof(T));
}
template <typename Vector, typename T>
void store_first(const Vector& vector, T* to, std::int64_t n) {
  std::memcpy(static_cast<void*>(to), &vector, n * sizeof(T));
}
#endif

template <typename Vector, typename T>
void load_vector(Vector& vector, const T* from, std::int64_t n) {
  if (n < lane_count) return load_first(vector, from, n);
  std::memcpy(&vector, from, sizeof vector);
}

template <typename Vector, typename T>
void store_vector(const Vector& vector, T* to, std::int64_t n) {
  if (n < lane_count) return store_first(vector, to, n);
  std::memcpy(static_cast<void*>(to), &vector, sizeof vector);
}

/// Rounds as bfloat16 itself does, but for numbers below 2^-126, of which the instruction makes zeros.
inline void round_to(LaneHalves& halves, const Lanes& lanes) {
#ifdef __AVX512BF16__
  auto rounded = _mm512_cvtneps_pbh(reinterpret_cast<const __m512&>(lanes));
  std::memcpy(&halves, &rounded, sizeof halves);
#else
  LaneWords words;
  std::memcpy(&words, &lanes, sizeof words);
  LaneWords sum = words + 0x7fffu + ((words >> 16) & 1u);
  sum = (words & 0x7fffffffu) > 0x7f800000u ? words | 0x400000u : sum;
  halves = __builtin_convertvector(sum >> 16, LaneHalves);
#endif
}

inline void load(Lanes& lanes, const float* from, std::int64_t n = lane_count) {
  load_vector(lanes, from, n);
}

inline void load(Lanes& lanes, const bfloat16* from, std::int64_t n = lane_count) {
  LaneHalves halves;
  load_vector(halves, from, n);
  LaneWords words;
#ifdef __AVX512F__  // one instruction, of which g++ 12 makes four
  reinterpret_cast<__m512i&>(words) = _mm512_maskz_cvtepu16_epi32(0xffff, reinterpret_cast<const __m256i&>(halves));
#else
  words = __builtin_convertvector(halves, LaneWords);
#endif
  words <<= 16;
  std::memcpy(&lanes, &words, sizeof lanes);
}

inline void store(const Lanes& lanes, float* to, std::int64_t n = lane_count) {
  store_vector(lanes, to, n);
}

inline void store(const Lanes& lanes, bfloat16* to, std::int64_t n = lane_count) {
  LaneHalves halves;
  round_to(halves, lanes);
  store_vector(halves, to, n);
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

/// lanes <- the larger, or the smaller, of each and its limit; NaN stays.
inline void raise_to(Lanes& lanes, const Lanes& least) {
#ifdef __AVX512F__  // one instruction, of which g++ 12 makes two
  auto& all = reinterpret_cast<__m512&>(lanes);
  all = _mm512_maskz_max_ps(0xffff, reinterpret_cast<const __m512&>(least), all);
#else
  lanes = least > lanes ? least : lanes;
#endif
}
inline void lower_to(Lanes& lanes, const Lanes& most) {
#ifdef __AVX512F__
  auto& all = reinterpret_cast<__m512&>(lanes);
  all = _mm512_maskz_min_ps(0xffff, reinterpret_cast<const __m512&>(most), all);
#else
  lanes = most < lanes ? most : lanes;
#endif
}

/// combine(a, b) makes one of two: of sixteen lanes eight, four, two and one, a lane and the one half of them behind
/// it, always in this order.
template <typename Combine>
float folded(const Lanes& lanes, const Combine& combine) {
  Lanes a = lanes;
  combine(a, __builtin_shufflevector(a, a, 8, 9, 10, 11, 12, 13, 14, 15, 0, 0, 0, 0, 0, 0, 0, 0));
  combine(a, __builtin_shufflevector(a, a, 4, 5, 6, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
  combine(a, __builtin_shufflevector(a, a, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
  combine(a, __builtin_shufflevector(a, a, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
  return a[0];
}

inline float sum_of(const Lanes& lanes) {
  return folded(lanes, [](Lanes& a, const Lanes& b) { a += b; });
}

inline float largest_of(const Lanes& lanes) {
  return folded(lanes, raise_to);
}

/// Calls body(start, n) for [0, count) in sixteens, n a constant but for the last. Inlined, so that what body adds to
/// stays in registers.
template <typename Body>
[[gnu::always_inline]] inline void for_lanes(std::int64_t count, const Body& body) {
  std::int64_t start = 0;
  for (; start + lane_count <= count; start += lane_count) {
    body(start, std::integral_constant<std::int64_t, lane_count>{});
  }
  if (start < count) body(start, count - start);
}

/// As for_lanes, over floats in double: calls body(0, first half) and body(1, second half), the numbers constants.
/// Behind the last element are zeros. What body adds up in a vector a half does not wait for each other.
template <typename T, typename Body>
[[gnu::always_inline]] inline void for_wide_lanes(const T* x, std::int64_t count, const Body& body) {
  for_lanes(count, [&](std::int64_t i, auto n) {
    Lanes v;
    load(v, x + i, n);
    auto low = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7);
    auto high = __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
    body(std::integral_constant<int, 0>{}, __builtin_convertvector(low, WideLanes));
    body(std::integral_constant<int, 1>{}, __builtin_convertvector(high, WideLanes));
  });
}

inline double sum_of_halves(const WideLanes (&halves)[2]) {
  double sum = 0;
  for (const WideLanes& half : halves) {
    for (int i = 0; i < lane_count / 2; ++i) sum += half[i];
  }
  return sum;
}

}  // namespace stint
