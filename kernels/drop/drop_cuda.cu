// Packing kept elements and restoring the tensor. A block a tile, a pack of eight elements a thread, which is a byte of
// the mask: a first read counts, tile by tile, what is inside the border; one block sums the counts up; a second read
// moves the elements to their places. Nothing goes through the host. Floor: two reads of the tensor and a write of what
// is held; back, a read of what is held and a write of the tensor.

#include <stint/kernels/drop/drop_kernels.h>
#include <stint/kernels/prefix.cuh>

namespace stint::cuda {

static_assert(drop_tile == std::int64_t{block_size} * Pack::size);

/// What a kernel compares: keys of magnitudes with a cut that lies on the device, or random words.
struct CutBorder {
  using Keys = MagnitudeKeys;
  const Cut* cut;

  __device__ Keys keys() const { return {cut->center}; }
  __device__ std::uint32_t key() const { return cut->key; }
};

struct RandomBorder {
  using Keys = RandomKeys;
  RandomSequence sequence;
  std::uint32_t border;

  __device__ Keys keys() const { return {sequence}; }
  __device__ std::uint32_t key() const { return border; }
};

/// The place of this thread's pack, and how many of its elements there are.
struct TilePack {
  std::int64_t first;
  int count;

  __device__ explicit TilePack(std::int64_t elements) {
    first = blockIdx.x * drop_tile + std::int64_t{threadIdx.x} * Pack::size;
    std::int64_t left = elements - first;
    count = left < 0 ? 0 : left < Pack::size ? static_cast<int>(left) : Pack::size;
  }
};

/// Bits of the elements above the border and of those that equal it.
struct Sides {
  unsigned above = 0, equal = 0;

  template <typename Border>
  __device__ Sides(const Border& border, const Pack& values, TilePack pack) {
    std::uint32_t keys[Pack::size], key = border.key();
    border.keys()(values.value, pack.first, keys);
    for (int j = 0; j < Pack::size; ++j) {
      above |= unsigned{j < pack.count && keys[j] > key} << j;
      equal |= unsigned{j < pack.count && keys[j] == key} << j;
    }
  }
};

/// `bits` without those behind the first `count` that are set.
__device__ inline unsigned first_bits(unsigned bits, std::int64_t count) {
  unsigned kept = 0;
  for (; bits != 0 && count > 0; --count) {
    kept |= bits & (0u - bits);
    bits &= bits - 1;
  }
  return kept;
}

template <typename T>
__device__ Pack load_tile_pack(const T* x, TilePack pack) {
  return pack.count > 0 ? load_pack(x + pack.first, pack.count) : Pack{};
}

template <typename T, typename Border>
__global__ void drop_count_kernel(std::int64_t count, const T* x, Border border, TileCount* tiles) {
  TilePack pack(count);
  Sides sides(border, load_tile_pack(x, pack), pack);
  int above = block_sum(__popc(sides.above), shared_memory<int>());
  int equal = block_sum(__popc(sides.equal), shared_memory<int>());
  if (threadIdx.x == 0) tiles[blockIdx.x] = {above, equal};
}

/// Turns the counts of tiles into sums of the tiles before; the last entry becomes the total. One block, whose threads
/// have neighbouring tiles.
__global__ void drop_sums_kernel(std::int64_t count, TileCount* tiles) {
  std::int64_t begin = count * threadIdx.x / blockDim.x, end = count * (threadIdx.x + 1) / blockDim.x;
  TileCount own{}, total{};
  for (std::int64_t tile = begin; tile < end; ++tile) {
    own = {own.above + tiles[tile].above, own.equal + tiles[tile].equal};
  }
  auto* scratch = shared_memory<std::int64_t>();
  TileCount sum{};
  sum.above = block_prefix(own.above, total.above, scratch);
  sum.equal = block_prefix(own.equal, total.equal, scratch);
  for (std::int64_t tile = begin; tile < end; ++tile) {
    TileCount mine = tiles[tile];
    tiles[tile] = sum;
    sum = {sum.above + mine.above, sum.equal + mine.equal};
  }
  if (threadIdx.x == 0) tiles[count] = total;
}

/// mask and index: one of them, the other null.
template <typename T, typename Border>
__global__ void drop_pack_kernel(std::int64_t count, const T* x, Border border, const TileCount* tiles,
                                 std::int64_t capacity, T* values, std::uint8_t* mask, std::int32_t* index) {
  auto* scratch = shared_memory<int>();
  TilePack pack(count);
  Pack elements = load_tile_pack(x, pack);
  Sides sides(border, elements, pack);
  TileCount before = tiles[blockIdx.x];
  std::int64_t room = tiles[gridDim.x].room(capacity);
  unsigned inside = sides.above;
  int total = 0;
  if (before.equal < room) {  // the same for the whole block
    int equal = block_prefix(__popc(sides.equal), total, scratch);
    inside |= first_bits(sides.equal, room - before.equal - equal);
  }
  std::int64_t place = before.inside(room) + block_prefix(__popc(inside), total, scratch);
  inside = first_bits(inside, capacity - place);
  if (mask && pack.count > 0) mask[pack.first / 8] = static_cast<std::uint8_t>(inside);
  for (int j = 0; j < Pack::size; ++j) {
    if (!((inside >> j) & 1)) continue;
    values[place] = to<T>(elements[j]);
    if (index) index[place] = static_cast<std::int32_t>(pack.first + j);
    ++place;
  }
}

/// counts, and what is behind the last kept element.
template <typename T>
__global__ void drop_finish_kernel(const TileCount* total, std::int64_t capacity, T* values, std::int32_t* index,
                                   DropCounts* counts) {
  std::int64_t inside = total->inside(total->room(capacity));
  DropCounts result{inside, inside < capacity ? inside : capacity};
  std::int64_t i = result.kept + std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  for (; i < capacity; i += std::int64_t{gridDim.x} * blockDim.x) {
    values[i] = T(0.0f);
    if (index) index[i] = -1;
  }
  if (blockIdx.x == 0 && threadIdx.x == 0) *counts = result;
}

__global__ void mask_count_kernel(std::int64_t bytes, const std::uint8_t* mask, TileCount* tiles) {
  std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  int sum = block_sum(i < bytes ? __popc(mask[i]) : 0, shared_memory<int>());
  if (threadIdx.x == 0) tiles[blockIdx.x] = {sum, 0};
}

template <typename T>
__global__ void restore_mask_kernel(std::int64_t count, const std::uint8_t* mask, const T* values,
                                    const TileCount* tiles, T* x) {
  TilePack pack(count);
  unsigned bits = pack.count > 0 ? mask[pack.first / 8] : 0;
  int total = 0;
  std::int64_t place = tiles[blockIdx.x].above + block_prefix(__popc(bits), total, shared_memory<int>());
  Pack elements{};
  for (int j = 0; j < Pack::size; ++j) {
    if ((bits >> j) & 1) elements[j] = values[place++];
  }
  if (pack.count > 0) store_pack(x + pack.first, elements, pack.count);
}

template <typename T>
__global__ void restore_int32_kernel(const DropCounts* counts, const std::int32_t* index, const T* values, T* x) {
  std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  for (; i < counts->kept; i += std::int64_t{gridDim.x} * blockDim.x) x[index[i]] = values[i];
}

namespace {

constexpr std::size_t scratch = block_size / warp_size * sizeof(std::int64_t);

void sum_up(const Tensor& tiles, std::int64_t count) {
  launch(drop_sums_kernel, 1, block_size, scratch, stream_of(tiles), count, reinterpret_cast<TileCount*>(tiles.raw()));
}

template <typename T, typename Border>
void pack(const Tensor& x, const Border& border, const KeptElements& kept, const Tensor& tile_counts) {
  auto blocks = static_cast<unsigned>(drop_tiles(x.count()));
  auto* tiles = reinterpret_cast<TileCount*>(tile_counts.raw());
  std::int64_t capacity = kept.values.count();
  auto* mask = kept.form == DropIndex::bitmask ? kept.index.data<std::uint8_t>() : nullptr;
  auto* index = kept.form == DropIndex::int32 ? kept.index.data<std::int32_t>() : nullptr;
  launch(drop_count_kernel<T, Border>, blocks, block_size, scratch, stream_of(x), x.count(), x.data<T>(), border,
         tiles);
  sum_up(tile_counts, blocks);
  launch(drop_pack_kernel<T, Border>, blocks, block_size, scratch, stream_of(x), x.count(), x.data<T>(), border, tiles,
         capacity, kept.values.data<T>(), mask, index);
  launch(drop_finish_kernel<T>, grid_size(capacity + 1), block_size, 0, stream_of(x), tiles + blocks, capacity,
         kept.values.data<T>(), index, reinterpret_cast<DropCounts*>(kept.counts.raw()));
}

}  // namespace

void drop_pack(const Tensor& x, const DropBorder& border, const KeptElements& kept, const Tensor& tiles) {
  with_float_type(x.dtype(), "drop", [&](auto type) {
    using T = decltype(type);
    if (border.cut) {
      pack<T>(x, CutBorder{reinterpret_cast<const Cut*>(border.cut.raw())}, kept, tiles);
    } else {
      pack<T>(x, RandomBorder{border.sequence, border.key}, kept, tiles);
    }
  });
}

void drop_restore(const KeptElements& kept, const Tensor& x, const Tensor& tiles) {
  with_float_type(x.dtype(), "drop", [&](auto type) {
    using T = decltype(type);
    if (kept.form == DropIndex::int32) {
      x.zero();
      launch(restore_int32_kernel<T>, grid_size(kept.values.count()), block_size, 0, stream_of(x),
             reinterpret_cast<const DropCounts*>(kept.counts.raw()), kept.index.data<std::int32_t>(),
             kept.values.data<T>(), x.data<T>());
      return;
    }
    auto blocks = static_cast<unsigned>(drop_tiles(x.count()));
    auto* counts = reinterpret_cast<TileCount*>(tiles.raw());
    const auto* mask = kept.index.data<std::uint8_t>();
    launch(mask_count_kernel, blocks, block_size, scratch, stream_of(x), kept.index.count(), mask, counts);
    sum_up(tiles, blocks);
    launch(restore_mask_kernel<T>, blocks, block_size, scratch, stream_of(x), x.count(), mask, kept.values.data<T>(),
           counts, x.data<T>());
  });
}

}  // namespace stint::cuda
