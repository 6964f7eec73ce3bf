#pragma once

#include <cstdint>

/// How the keys of a tensor lie around a border, tile by tile: packing must know before it can place anything. For CPU
/// and CUDA kernels alike.
namespace stint {

/// Of some keys: how many are above a border, and how many equal it. Where selection leaves counts behind, `equal` are
/// those that it did not tell from the border; without any, the counts of the tile are right as they are.
struct TileCount {
  std::int64_t above, equal;

  /// Of a total: how many of the elements that equal the border are taken, so that ties fill up the capacity.
  constexpr std::int64_t room(std::int64_t capacity) const { return above < capacity ? capacity - above : 0; }
  /// How many of the elements counted are inside.
  constexpr std::int64_t inside(std::int64_t room) const { return above + (equal < room ? equal : room); }
};

/// Elements of a tile.
inline constexpr std::int64_t key_tile = 2048;

constexpr std::int64_t key_tiles(std::int64_t count) {
  return (count + key_tile - 1) / key_tile;
}

}  // namespace stint
