#pragma once

#include <stint/kernels/select/key_block.h>

/// Elements picked by the bits of a word, for the CPU: 64 in a row to a packed few, and back. Processors that have an
/// instruction for it move a vector at a time; the loops are the same for all others.
namespace stint {

namespace pick_detail {

// Where the processor has no such instruction for T.
template <typename T>
void pack(const T* from, std::uint64_t bits, T* to) = delete;
template <typename T>
void spread(const T* from, std::uint64_t bits, T* to) = delete;

#ifdef __AVX512F__
inline void pack(const float* from, std::uint64_t bits, float* to) {
  auto mask = static_cast<__mmask16>(bits);
  auto packed = _mm512_maskz_compress_ps(mask, _mm512_loadu_ps(from));  // to memory it would take far longer
  _mm512_mask_storeu_ps(to, static_cast<__mmask16>((1u << std::popcount(mask)) - 1), packed);
}

inline void spread(const float* from, std::uint64_t bits, float* to) {
  _mm512_storeu_ps(to, _mm512_maskz_expandloadu_ps(static_cast<__mmask16>(bits), from));
}
#endif

#ifdef __AVX512VBMI2__
inline void pack(const bfloat16* from, std::uint64_t bits, bfloat16* to) {
  auto mask = static_cast<__mmask32>(bits);
  auto packed = _mm512_maskz_compress_epi16(mask, _mm512_loadu_si512(from));
  _mm512_mask_storeu_epi16(to, static_cast<__mmask32>((std::uint64_t{1} << std::popcount(mask)) - 1), packed);
}

inline void spread(const bfloat16* from, std::uint64_t bits, bfloat16* to) {
  _mm512_storeu_si512(to, _mm512_maskz_expandloadu_epi16(static_cast<__mmask32>(bits), from));
}
#endif

template <typename T>
constexpr bool in_vectors = requires(const T* from, T* to) {
  pack(from, std::uint64_t{}, to);
};

template <typename T>
constexpr int lanes = 64 / sizeof(T);

/// Calls body(first element, its bits, how many were set before) for a word, a vector at a time.
template <typename T, typename Body>
void for_vectors(std::uint64_t word, const Body& body) {
  constexpr std::uint64_t all = (std::uint64_t{1} << lanes<T>)-1;
  for (int first = 0, before = 0; first < key_block_size; first += lanes<T>) {
    std::uint64_t bits = word >> first & all;
    body(first, bits, before);
    before += std::popcount(bits);
  }
}

}  // namespace pick_detail

/// to[0], to[1], ... <- those of from[0 .. 64) whose bit is set. Only elements behind set bits need be there if
/// `whole` is false.
template <typename T>
void pack_word(const T* from, std::uint64_t word, T* to, bool whole) {
  if constexpr (pick_detail::in_vectors<T>) {
    if (whole) {
      return pick_detail::for_vectors<T>(
          word, [&](int first, std::uint64_t bits, int before) { pick_detail::pack(from + first, bits, to + before); });
    }
  }
  for_bits(word, [&](int j) { *to++ = from[j]; });
}

/// The way back: to[0 .. count) <- the next of `from` where the bit is set, else zero. count: at most 64.
template <typename T>
void spread_word(const T* from, std::uint64_t word, T* to, std::int64_t count) {
  if constexpr (pick_detail::in_vectors<T>) {
    if (count == key_block_size) {
      return pick_detail::for_vectors<T>(word, [&](int first, std::uint64_t bits, int before) {
        pick_detail::spread(from + before, bits, to + first);
      });
    }
  }
  std::fill_n(to, count, T(0.0f));
  for_bits(word, [&](int j) { to[j] = *from++; });
}

}  // namespace stint
