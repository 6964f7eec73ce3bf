#pragma once

#include <stint/kernels/dispatch.h>
#include <stint/kernels/drop/drop.h>
#include <stint/kernels/select/keys.h>
#include <stint/kernels/select/select.h>

#include <algorithm>

namespace stint {

/// Keys that know nothing of the values: the elements' random words.
struct RandomKeys {
  RandomSequence sequence;

  template <int n>
  constexpr void operator()(const float*, std::int64_t first, std::uint32_t (&keys)[n]) const {
    static_assert(n % 4 == 0);
    for (int j = 0; j < n; j += 4) {
      auto words = sequence.words(static_cast<std::uint64_t>(first + j) / 4);
      for (int k = 0; k < 4; ++k) keys[j + k] = words[k];
    }
  }
};

/// What decides: a border found on the device, or one known before.
struct DropBorder {
  Tensor cut;  ///< empty: by random words
  RandomSequence sequence = {};
  std::uint32_t key = 0;  ///< of random words: from it on they are inside
};

/// Of some keys: how many are above a border, and how many equal it.
struct SideCounts {
  std::int64_t above = 0, equal = 0;

  constexpr SideCounts operator+(const SideCounts& other) const { return {above + other.above, equal + other.equal}; }
  /// How many are inside, if of those that equal it there is room for the first `room`.
  constexpr std::int64_t inside(std::int64_t room) const { return above + std::clamp(room, std::int64_t{0}, equal); }
};

/// `workspace`: so many bytes, for either of them.
STINT_KERNEL(std::size_t drop_workspace(std::int64_t count))
STINT_KERNEL(void drop_pack(const Tensor& x, const DropBorder& border, const KeptElements& kept,
                            const Tensor& workspace))
STINT_KERNEL(void drop_restore(const KeptElements& kept, const Tensor& x, const Tensor& workspace))

}  // namespace stint
