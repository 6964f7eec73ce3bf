#pragma once

#include <stint/kernels/dispatch.h>
#include <stint/kernels/drop/drop.h>
#include <stint/kernels/select/keys.h>
#include <stint/kernels/select/select.h>

#include <algorithm>

namespace stint {

/// Where the elements of a tile go: first how many of its keys are above the border and equal to it, then the same of
/// all tiles before it.
struct TileCount {
  std::int64_t above, equal;

  /// Of a total: how many of the elements that equal the border are taken, so that ties fill up the capacity.
  constexpr std::int64_t room(std::int64_t capacity) const { return above < capacity ? capacity - above : 0; }
  /// How many of the elements counted are inside.
  constexpr std::int64_t inside(std::int64_t room) const { return above + (equal < room ? equal : room); }
};

/// A tile is what one block of threads packs; on the CPU, one piece of work.
inline constexpr std::int64_t drop_tile = 2048;

constexpr std::int64_t drop_tiles(std::int64_t count) {
  return (count + drop_tile - 1) / drop_tile;
}

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

/// `tiles`: a `TileCount` a tile, and one for the total.
STINT_KERNEL(void drop_pack(const Tensor& x, const DropBorder& border, const KeptElements& kept, const Tensor& tiles))
STINT_KERNEL(void drop_restore(const KeptElements& kept, const Tensor& x, const Tensor& tiles))

}  // namespace stint
