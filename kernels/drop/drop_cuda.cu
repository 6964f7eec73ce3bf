// Packing kept elements and restoring the tensor. Blocks take tiles in order, a word of the mask (32 elements) a
// thread; where a tile's elements go follows from the counts of the tiles before it, which those blocks tell
// (look_back.cuh). Nothing goes through the host. Elements are moved as they are, not through a float, which would not
// keep the bits of a NaN. Floor: a read of the tensor and a write of what is held; back, a read of what is held and a
// write of the tensor.

#include <stint/kernels/drop/drop_kernels.h>
#include <stint/kernels/look_back.cuh>
#include <stint/kernels/prefix.cuh>

namespace stint::cuda {

/// Elements of a mask word, and of a tile.
inline constexpr int word_size = 32;
inline constexpr std::int64_t tile_size = std::int64_t{block_size} * word_size;
static_assert(tile_size <= 0xffff);  // two counts of a tile fit in a word

/// What a kernel compares with: a cut that lies on the device. Up to infinity's, keys are compared as the floats they
/// were, which takes half the instructions.
struct CutBorder {
  using Keys = MagnitudeKeys;
  const Cut* cut;

  __device__ Keys keys() const { return {cut->center}; }
  __device__ std::uint32_t key() const { return cut->key; }
  __device__ std::int64_t room() const { return cut->room; }
};

/// Or with one known before: random words.
struct RandomBorder {
  using Keys = RandomKeys;
  RandomSequence sequence;
  std::uint32_t border;

  __device__ Keys keys() const { return {sequence}; }
  __device__ std::uint32_t key() const { return border; }
  __device__ std::int64_t room() const { return unlimited_room; }
};

/// A bit an element of a pack or a word: those above the border, and those on it.
struct Sides {
  unsigned above = 0, equal = 0;

  /// The bits of a pack of `n` elements from `first` on, to stand from `place` on.
  template <typename Keys>
  __device__ void add(const Keys& make, std::uint32_t border, const Pack& values, std::int64_t first, int n,
                      int place) {
    if constexpr (std::is_same_v<Keys, MagnitudeKeys>) {
      if (border <= infinity_key) return add_floats(make.center, std::bit_cast<float>(border), values, n, place);
    }
    std::uint32_t keys[Pack::size];
    make(values.value, first, keys);
    for (int j = 0; j < Pack::size; ++j) {
      above |= unsigned{j < n && keys[j] > border} << (place + j);
      equal |= unsigned{j < n && keys[j] == border} << (place + j);
    }
  }

 private:
  __device__ void add_floats(float center, float border, const Pack& values, int n, int place) {
    unsigned over = 0, on = 0;
    for (int j = 0; j < Pack::size; ++j) {
      float magnitude = fabsf(values[j] - center);
      if (!(magnitude <= border)) over |= 1u << j;  // NaN, too
      if (magnitude == border) on |= 1u << j;
    }
    unsigned there = (1u << n) - 1;
    above |= (over & there) << place;
    equal |= (on & there) << place;
  }
};

/// `bits` without those behind the first `count` that are set.
__device__ inline unsigned first_bits(unsigned bits, std::int64_t count) {
  if (__popc(bits) <= count) return bits;
  unsigned kept = 0;
  for (; count > 0; --count) {
    kept |= bits & (0u - bits);
    bits &= bits - 1;
  }
  return kept;
}

/// For the bits j that are set, from the lowest on, and their numbers k: put(j, k, get(j, k)), four under way at once.
template <typename Get, typename Put>
__device__ void move_bits(unsigned bits, const Get& get, const Put& put) {
  constexpr int at_once = 4;
  for (int k = 0; bits != 0; k += at_once) {
    int place[at_once];
    decltype(get(0, 0)) value[at_once];
    for (int i = 0; i < at_once; ++i) {
      place[i] = __ffs(static_cast<int>(bits)) - 1;  // -1: there are no more
      bits &= bits - 1;
      if (place[i] >= 0) value[i] = get(place[i], k + i);
    }
    for (int i = 0; i < at_once; ++i) {
      if (place[i] >= 0) put(place[i], k + i, value[i]);
    }
  }
}

/// Shared memory of a block: a sum a warp, and what tiles need.
struct alignas(Quad) Scratch {
  std::int64_t sums[block_size / warp_size];
  TileScratch tile;
};
__device__ inline void store_word(std::uint8_t* mask, std::int64_t first, unsigned bits, int n) {
  std::uint8_t* at = mask + first / 8;
  if (n == word_size) {
    *reinterpret_cast<std::uint32_t*>(at) = bits;
  } else {
    for (int byte = 0; byte * 8 < n; ++byte) at[byte] = static_cast<std::uint8_t>(bits >> (8 * byte));
  }
}

__device__ inline unsigned load_word(const std::uint8_t* mask, std::int64_t first, int n) {
  const std::uint8_t* at = mask + first / 8;
  if (n == word_size) return *reinterpret_cast<const std::uint32_t*>(at);
  unsigned bits = 0;
  for (int byte = 0; byte * 8 < n; ++byte) bits |= unsigned{at[byte]} << (8 * byte);
  return bits;
}

/// Elements of a quad.
template <typename T>
inline constexpr int quad = sizeof(Quad) / sizeof(T);

/// The first `n` elements of a quad, bit by bit.
template <typename T>
__device__ void store_quad(const T* from, T* to, int n) {
  if (n == quad<T> && is_aligned(to)) {
    *reinterpret_cast<Quad*>(to) = *reinterpret_cast<const Quad*>(from);
  } else {
    for (int j = 0; j < n; ++j) to[j] = from[j];
  }
}

/// mask and index: one of them, the other null. Who has the last tile writes `counts`.
template <typename T, typename Border>
__global__ void drop_pack_kernel(std::int64_t count, const T* x, Border border, TileQueue queue, std::int64_t capacity,
                                 T* values, std::uint8_t* mask, std::int32_t* index, DropCounts* counts) {
  auto* scratch = shared_memory<Scratch>();
  std::uint32_t key = border.key();
  std::int64_t room = border.room(), tile;
  auto keys = border.keys();
  while ((tile = take_tile(queue, &scratch->tile)) * tile_size < count) {
    std::int64_t first = tile * tile_size + std::int64_t{threadIdx.x} * word_size;
    Sides sides;
    for (int part = 0; part < word_size; part += Pack::size) {
      int n = count_before(count, first + part, Pack::size);
      sides.add(keys, key, load_pack(x + first + part, n), first + part, n, part);
    }
    unsigned total = 0, mine = unsigned(__popc(sides.above)) | unsigned(__popc(sides.equal)) << 16;
    unsigned earlier = block_prefix(mine, total, reinterpret_cast<unsigned*>(scratch->sums));
    TileCounts own{total & 0xffff, total >> 16}, tiles = counts_before(queue, tile, own, &scratch->tile);
    SideCounts before{tiles.first + (earlier & 0xffff), tiles.second + (earlier >> 16)};
    std::int64_t place = before.inside(room);
    unsigned inside = sides.above | first_bits(sides.equal, room - before.equal);
    inside = first_bits(inside, capacity - place);
    int here = count_before(count, first, word_size);
    if (mask && here > 0) store_word(mask, first, inside, here);
    move_bits(
        inside, [&](int j, int) { return x[first + j]; },
        [&](int j, int k, T value) {
          values[place + k] = value;
          if (index) index[place + k] = static_cast<std::int32_t>(first + j);
        });
    if (threadIdx.x == 0 && (tile + 1) * tile_size >= count) {
      std::int64_t all = SideCounts{tiles.first + own.first, tiles.second + own.second}.inside(room);
      *counts = {all, all < capacity ? all : capacity};
    }
  }
}

/// A tile is put together in shared memory, from where it is written once and in a row.
template <typename T>
__global__ void restore_mask_kernel(std::int64_t count, const std::uint8_t* mask, const T* values, TileQueue queue,
                                    T* x) {
  auto* scratch = shared_memory<Scratch>();
  auto* dense = reinterpret_cast<T*>(scratch + 1);
  std::int64_t tile;
  while ((tile = take_tile(queue, &scratch->tile)) * tile_size < count) {
    std::int64_t begin = tile * tile_size, first = begin + std::int64_t{threadIdx.x} * word_size;
    int n = count_before(count, first, word_size);
    unsigned bits = n > 0 ? load_word(mask, first, n) : 0;
    for (auto i = static_cast<int>(threadIdx.x) * quad<T>; i < tile_size; i += static_cast<int>(block_size) * quad<T>) {
      *reinterpret_cast<Quad*>(dense + i) = {};
    }
    int total = 0, earlier = block_prefix(__popc(bits), total, reinterpret_cast<int*>(scratch->sums));
    std::int64_t place = counts_before(queue, tile, {total, 0}, &scratch->tile).first + earlier;
    T* mine = dense + static_cast<int>(threadIdx.x) * word_size;
    move_bits(  // behind the zeros: counts_before is a barrier
        bits, [&](int, int k) { return values[place + k]; }, [&](int j, int, T value) { mine[j] = value; });
    __syncthreads();
    for (auto i = static_cast<int>(threadIdx.x) * quad<T>; i < tile_size; i += static_cast<int>(block_size) * quad<T>) {
      store_quad(dense + i, x + begin + i, count_before(count, begin + i, quad<T>));
    }
  }
}

template <typename T>
__global__ void restore_int32_kernel(const DropCounts* counts, const std::int32_t* index, const T* values, T* x) {
  std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  for (; i < counts->kept; i += std::int64_t{gridDim.x} * blockDim.x) x[index[i]] = values[i];
}

namespace {

std::int64_t tile_count(std::int64_t count) {
  return (count + tile_size - 1) / tile_size;
}

unsigned tile_blocks(std::int64_t count) {
  return static_cast<unsigned>(std::min(most_blocks, tile_count(count)));
}

template <typename T, typename Border>
void pack(const Tensor& x, const Border& border, const KeptElements& kept, const Tensor& workspace) {
  if (x.count() == 0) return kept.counts.zero();
  auto* mask = kept.form == DropIndex::bitmask ? kept.index.data<std::uint8_t>() : nullptr;
  auto* index = kept.form == DropIndex::int32 ? kept.index.data<std::int32_t>() : nullptr;
  launch(drop_pack_kernel<T, Border>, tile_blocks(x.count()), block_size, sizeof(Scratch), stream_of(x), x.count(),
         x.data<T>(), border, make_tile_queue(workspace), kept.values.count(), kept.values.data<T>(), mask, index,
         reinterpret_cast<DropCounts*>(kept.counts.raw()));
}

}  // namespace

std::size_t drop_workspace(std::int64_t count) {
  return tile_queue_bytes(tile_count(count));
}

void drop_pack(const Tensor& x, const DropBorder& border, const KeptElements& kept, const Tensor& workspace) {
  with_float_type(x.dtype(), "drop", [&](auto type) {
    using T = decltype(type);
    if (border.cut) {
      pack<T>(x, CutBorder{reinterpret_cast<const Cut*>(border.cut.raw())}, kept, workspace);
    } else {
      pack<T>(x, RandomBorder{border.sequence, border.key}, kept, workspace);
    }
  });
}

void drop_restore(const KeptElements& kept, const Tensor& x, const Tensor& workspace) {
  with_float_type(x.dtype(), "drop", [&](auto type) {
    using T = decltype(type);
    if (kept.form == DropIndex::int32) {
      x.zero();
      launch(restore_int32_kernel<T>, grid_size(kept.values.count()), block_size, 0, stream_of(x),
             reinterpret_cast<const DropCounts*>(kept.counts.raw()), kept.index.data<std::int32_t>(),
             kept.values.data<T>(), x.data<T>());
      return;
    }
    launch(restore_mask_kernel<T>, tile_blocks(x.count()), block_size, sizeof(Scratch) + tile_size * sizeof(T),
           stream_of(x), x.count(), kept.index.data<std::uint8_t>(), kept.values.data<T>(), make_tile_queue(workspace),
           x.data<T>());
  });
}

}  // namespace stint::cuda
