#pragma once

#include <stint/kernels/dispatch.h>
#include <stint/kernels/drop/drop.h>
#include <stint/kernels/select/keys.h>
#include <stint/kernels/select/select.h>
#include <stint/kernels/select/tile_count.h>

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
  Tensor cut;            ///< empty: by random words
  bool counted = false;  ///< selection has been over the tiles
  RandomSequence sequence = {};
  std::uint32_t key = 0;  ///< of random words: from it on they are inside
};

/// `tiles`: a `TileCount` a tile, and one for the total.
STINT_KERNEL(void drop_pack(const Tensor& x, const DropBorder& border, const KeptElements& kept, const Tensor& tiles))
STINT_KERNEL(void drop_restore(const KeptElements& kept, const Tensor& x, const Tensor& tiles))

}  // namespace stint
