#pragma once

#include <stint/kernels/float_block.h>
#include <stint/kernels/select/keys.h>

#ifdef __AVX512F__
#include <immintrin.h>
#endif

#include <algorithm>

/// Keys 64 at a time, for the CPU: they are made in vector code, and what is found among them is a word of bits, which
/// compilers do not make of a comparison by themselves.
namespace stint {

inline constexpr int key_block_size = 64;

inline std::int64_t key_block_count(std::int64_t count) {
  return (count + key_block_size - 1) / key_block_size;
}

/// The keys of a tensor's elements from 64 * `number` on; behind its last element fewer.
struct KeyBlock {
  std::uint32_t keys[key_block_size];
  int count;
  std::uint64_t there;  ///< a bit a key

  template <typename T, typename Keys>
  KeyBlock(const T* x, std::int64_t elements, std::int64_t number, const Keys& make) {
    std::int64_t first = number * key_block_size;
    count = static_cast<int>(std::min<std::int64_t>(key_block_size, elements - first));
    float scratch[key_block_size];
    there = ~std::uint64_t{0} >> (key_block_size - count);
    if (count == key_block_size) {
      make(as_floats(x + first, key_block_size, scratch), first, keys);
    } else {
      for (int j = 0; j < key_block_size; ++j) scratch[j] = j < count ? float(x[first + j]) : 0.0f;
      make(scratch, first, keys);
    }
  }

  /// Bit j is set where key j is from `low` to `high`.
  std::uint64_t where(std::uint32_t low, std::uint32_t high) const {
    std::uint64_t word = 0;
#ifdef __AVX512F__
    for (int quarter = 0; quarter < 4; ++quarter) {
      __m512i distance = _mm512_sub_epi32(_mm512_loadu_si512(keys + quarter * 16), _mm512_set1_epi32(int(low)));
      std::uint64_t bits = _mm512_cmple_epu32_mask(distance, _mm512_set1_epi32(int(high - low)));
      word |= bits << (quarter * 16);
    }
#else
    for (int j = 0; j < key_block_size; ++j) word |= std::uint64_t{keys[j] - low <= high - low} << j;
#endif
    return word & there;
  }
  std::uint64_t above(std::uint32_t border) const {
    return ~where(0, border) & there;
  }
};

/// Calls body(j) for the bits that are set, from the lowest on.
template <typename Body>
void for_bits(std::uint64_t word, const Body& body) {
  for (; word != 0; word &= word - 1) body(std::countr_zero(word));
}

}  // namespace stint
