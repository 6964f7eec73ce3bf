#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace stint {

/// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): four 32-bit words as a pure
/// function of a 128-bit counter and a 64-bit key. The same bits on every device, whatever the number of threads.
constexpr std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    std::uint64_t a = std::uint64_t{0xD2511F53u} * counter[0];
    std::uint64_t b = std::uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
               static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key = {key[0] + 0x9E3779B9u, key[1] + 0xBB67AE85u};
  }
  return counter;
}

/// One of 2^64 independent sequences of a seed; element i is a pure function of (seed, number, i).
struct RandomSequence {
  std::uint64_t seed = 0;
  std::uint64_t number = 0;

  /// Words 4*block .. 4*block+3 of the sequence.
  constexpr std::array<std::uint32_t, 4> words(std::uint64_t block) const {
    return philox({static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
                   static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(number >> 32)},
                  {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
  }
  std::uint32_t word(std::uint64_t i) const { return words(i / 4)[i % 4]; }

  /// In [0,1), a multiple of 2^-24.
  static constexpr float to_uniform(std::uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }
  float uniform(std::uint64_t i) const { return to_uniform(word(i)); }

  /// Standard normal (Box-Muller on words 2i and 2i+1).
  float normal(std::uint64_t i) const {
    auto w = words(i / 2);
    double u = (w[i % 2 * 2] + 0.5) * 0x1p-32;
    double v = w[i % 2 * 2 + 1] * 0x1p-32;
    return static_cast<float>(std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v));
  }

  /// An integer in [0, bound), bound >= 1. Its bias is below bound / 2^64.
  std::uint64_t below(std::uint64_t i, std::uint64_t bound) const {
    auto w = words(i / 2);
    std::uint64_t bits = (std::uint64_t{w[i % 2 * 2]} << 32) | w[i % 2 * 2 + 1];
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(bits) * bound) >> 64);
  }
};

/// Hands out sequences in order. Its two integers are all the random state that a run has to keep.
struct RandomState {
  std::uint64_t seed = 0;
  std::uint64_t next = 0;

  RandomSequence take() { return {seed, next++}; }
};

}  // namespace stint
