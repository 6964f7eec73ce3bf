#pragma once

#include <stint/kernels/cuda.cuh>

/// Sums over the tiles before each one in the launch that needs them (decoupled look-back: Merrill and Garland, NVIDIA
/// NVR-2016-002): a tensor whose elements move by such sums is read once. A block takes the next tile, tells its own
/// counts, adds up what the tiles before have told, back to one that knows the sum up to itself, and tells its sum.
/// Tiles are taken in order, so those waited for are at work already. The counts are integers: no order changes them.
namespace stint::cuda {

/// Two counts of a tile.
struct TileCounts {
  std::int64_t first = 0, second = 0;
};

/// What a tile has told: each word has a count and, in its last two bits, what it is a count of. Nothing orders what
/// other blocks see of two words, so a pair of them is true once their bits agree.
struct TileWords {
  static constexpr std::uint64_t nothing = 0, own = 1, up_to_here = 2, mask = 3;
  std::uint64_t first, second;
};

/// Memory of a launch, all zero before it.
struct TileQueue {
  unsigned* next;  ///< tile that nobody has taken
  TileWords* tiles;
};

/// Of a block: blocks that begin before others may end after them.
struct TileScratch {
  std::int64_t tile;
  TileCounts before;
};

inline std::size_t tile_queue_bytes(std::int64_t tiles) {
  return static_cast<std::size_t>(tiles + 1) * sizeof(TileWords);
}

/// On memory of `tile_queue_bytes`, which it clears.
inline TileQueue make_tile_queue(const Tensor& memory) {
  memory.zero();
  auto* words = reinterpret_cast<TileWords*>(memory.raw());
  return {reinterpret_cast<unsigned*>(words), words + 1};
}

/// The next tile, in every thread of the block.
__device__ inline std::int64_t take_tile(const TileQueue& queue, TileScratch* scratch) {
  __syncthreads();  // whoever still reads an earlier one
  if (threadIdx.x == 0) scratch->tile = atomicAdd(queue.next, 1u);
  __syncthreads();
  return scratch->tile;
}

__device__ inline void tell(TileWords* words, const TileCounts& counts, std::uint64_t what) {
  auto* to = const_cast<volatile TileWords*>(words);
  to->first = static_cast<std::uint64_t>(counts.first) << 2 | what;
  to->second = static_cast<std::uint64_t>(counts.second) << 2 | what;
}

/// A lane's view of one tile.
struct TileView {
  std::uint64_t first = TileWords::up_to_here, second = first;  // in front of all tiles: nothing
  bool told = true, knows_all = true;

  __device__ void look(const TileWords* tile) {
    const auto* from = const_cast<const volatile TileWords*>(tile);
    first = from->first;
    second = from->second;
    std::uint64_t what = first & TileWords::mask;
    told = what != TileWords::nothing && what == (second & TileWords::mask);
    knows_all = told && what == TileWords::up_to_here;
  }
};

/// For a warp: the counts of all tiles before `tile`, in every lane. It looks at 32 tiles at a time, and waits for
/// those behind the last that knows its sum.
__device__ inline TileCounts look_back(const TileWords* tiles, std::int64_t tile) {
  auto lane = static_cast<int>(threadIdx.x) % warp_size;
  TileCounts sum;
  for (std::int64_t last = tile - 1;; last -= warp_size) {
    TileView view;
    int nearest = -1;
    unsigned needed = 0, told = 0;
    do {
      if (last >= lane) view.look(tiles + last - lane);
      nearest = __ffs(static_cast<int>(__ballot_sync(whole_warp, view.knows_all))) - 1;
      needed = nearest < 0 ? whole_warp : (2u << nearest) - 1;
      told = __ballot_sync(whole_warp, view.told);
    } while ((told & needed) != needed);
    bool adds = nearest < 0 || lane <= nearest;
    sum.first += warp_sum(adds ? static_cast<std::int64_t>(view.first >> 2) : std::int64_t{0});
    sum.second += warp_sum(adds ? static_cast<std::int64_t>(view.second >> 2) : std::int64_t{0});
    if (nearest >= 0) return sum;
  }
}

/// The counts of all tiles before `tile`, whose own are `own`, in every thread of the block.
__device__ inline TileCounts counts_before(const TileQueue& queue, std::int64_t tile, const TileCounts& own,
                                           TileScratch* scratch) {
  if (threadIdx.x < warp_size) {
    if (threadIdx.x == 0) tell(queue.tiles + tile, own, TileWords::own);
    TileCounts before = look_back(queue.tiles, tile);
    if (threadIdx.x == 0) {
      tell(queue.tiles + tile, {before.first + own.first, before.second + own.second}, TileWords::up_to_here);
      scratch->before = before;
    }
  }
  __syncthreads();
  return scratch->before;
}

}  // namespace stint::cuda
