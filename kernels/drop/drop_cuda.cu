// Packing kept elements and restoring the tensor. A block has a stretch of the tensor and walks it tile by tile, a word
// of the mask (32 elements) a thread. A first read counts, stretch by stretch, what lies above the border and on it;
// then every block adds up the counts before its own and moves its elements to their places. Nothing goes through the
// host. Elements are moved as they are, not through a float, which would not keep the bits of a NaN. Floor: two reads
// of the tensor and a write of what is held; back, a read of what is held and a write of the tensor.

#include <stint/kernels/drop/drop_kernels.h>
#include <stint/kernels/prefix.cuh>

namespace stint::cuda {

/// Elements of a mask word, and those that a block meets at a time.
inline constexpr int word_size = 32;
inline constexpr std::int64_t block_tile = std::int64_t{block_size} * word_size;
static_assert(block_tile % key_tile == 0);  // the counts of stretches fit where those of tiles do
static_assert(block_tile <= 0xffff);        // two counts of a tile fit in a word

/// What a kernel compares with: a cut that lies on the device. Up to infinity's, keys are compared as the floats they
/// were, which takes half the instructions.
struct CutBorder {
  using Keys = MagnitudeKeys;
  const Cut* cut;

  __device__ Keys keys() const { return {cut->center}; }
  __device__ std::uint32_t key() const { return cut->key; }
};

/// Or with one known before: random words.
struct RandomBorder {
  using Keys = RandomKeys;
  RandomSequence sequence;
  std::uint32_t border;

  __device__ Keys keys() const { return {sequence}; }
  __device__ std::uint32_t key() const { return border; }
};

/// The part of [0, count) that is this block's: whole tiles, but for the tensor's end.
struct Stretch {
  std::int64_t begin, end;

  __device__ explicit Stretch(std::int64_t count) {
    std::int64_t tiles = (count + block_tile - 1) / block_tile;
    begin = tiles * blockIdx.x / gridDim.x * block_tile;
    end = tiles * (blockIdx.x + 1) / gridDim.x * block_tile;
    if (end > count) end = count;
  }
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

template <typename T, typename Border>
__global__ void drop_count_kernel(std::int64_t count, const T* x, Border border, TileCount* stretches) {
  Stretch stretch(count);
  std::uint32_t key = border.key();
  auto keys = border.keys();
  int above = 0, equal = 0;
  constexpr std::int64_t step = std::int64_t{block_size} * Pack::size;
  for (std::int64_t i = stretch.begin + std::int64_t{threadIdx.x} * Pack::size; i < stretch.end; i += 2 * step) {
    int n = count_before(stretch.end, i, Pack::size), m = count_before(stretch.end, i + step, Pack::size);
    Pack values = load_pack(x + i, n), others = load_pack(x + i + step, m);  // both under way at once
    Sides sides;
    sides.add(keys, key, values, i, n, 0);
    sides.add(keys, key, others, i + step, m, Pack::size);
    above += __popc(sides.above);
    equal += __popc(sides.equal);
  }
  auto* scratch = shared_memory<std::int64_t>();
  std::int64_t sum_above = block_sum(std::int64_t{above}, scratch), sum_equal = block_sum(std::int64_t{equal}, scratch);
  if (threadIdx.x == 0) stretches[blockIdx.x] = {sum_above, sum_equal};
}

/// The counts of the stretches before this block's, and of all.
struct Position {
  TileCount before{}, total{};

  __device__ Position(const TileCount* stretches, std::int64_t* scratch) {
    for (unsigned i = threadIdx.x; i < gridDim.x; i += blockDim.x) {
      TileCount here = stretches[i];
      total = {total.above + here.above, total.equal + here.equal};
      if (i < blockIdx.x) before = {before.above + here.above, before.equal + here.equal};
    }
    before = {block_sum(before.above, scratch), block_sum(before.equal, scratch)};
    total = {block_sum(total.above, scratch), block_sum(total.equal, scratch)};
  }
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

/// mask and index: one of them, the other null. What is behind the last kept element is filled up by all blocks.
template <typename T, typename Border>
__global__ void drop_pack_kernel(std::int64_t count, const T* x, Border border, const TileCount* stretches,
                                 std::int64_t capacity, T* values, std::uint8_t* mask, std::int32_t* index,
                                 DropCounts* counts) {
  Stretch stretch(count);
  auto* scratch = shared_memory<std::int64_t>();
  Position position(stretches, scratch);
  std::int64_t room = position.total.room(capacity);
  TileCount before = position.before;
  std::uint32_t key = border.key();
  auto keys = border.keys();
  for (std::int64_t tile = stretch.begin; tile < stretch.end; tile += block_tile) {
    std::int64_t first = tile + std::int64_t{threadIdx.x} * word_size;
    Sides sides;
    for (int part = 0; part < word_size; part += Pack::size) {
      int n = count_before(stretch.end, first + part, Pack::size);
      sides.add(keys, key, load_pack(x + first + part, n), first + part, n, part);
    }
    unsigned total = 0, mine = unsigned(__popc(sides.above)) | unsigned(__popc(sides.equal)) << 16;
    unsigned earlier = block_prefix(mine, total, reinterpret_cast<unsigned*>(scratch));
    std::int64_t equal = before.equal + (earlier >> 16);
    std::int64_t place = before.above + (earlier & 0xffff) + (equal < room ? equal : room);
    unsigned inside = sides.above | first_bits(sides.equal, room - equal);
    inside = first_bits(inside, capacity - place);
    int here = count_before(stretch.end, first, word_size);
    if (mask && here > 0) store_word(mask, first, inside, here);
    move_bits(
        inside, [&](int j, int) { return x[first + j]; },
        [&](int j, int k, T value) {
          values[place + k] = value;
          if (index) index[place + k] = static_cast<std::int32_t>(first + j);
        });
    before = {before.above + (total & 0xffff), before.equal + (total >> 16)};
  }
  std::int64_t inside = position.total.inside(room), kept = inside < capacity ? inside : capacity;
  std::int64_t i = kept + std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  for (; i < capacity; i += std::int64_t{gridDim.x} * blockDim.x) {
    values[i] = T(0.0f);
    if (index) index[i] = -1;
  }
  if (blockIdx.x == 0 && threadIdx.x == 0) *counts = {inside, kept};
}

__global__ void mask_count_kernel(std::int64_t count, const std::uint8_t* mask, TileCount* stretches) {
  Stretch stretch(count);
  std::int64_t sum = 0;
  for (std::int64_t i = stretch.begin + std::int64_t{threadIdx.x} * word_size; i < stretch.end; i += block_tile) {
    sum += __popc(load_word(mask, i, count_before(stretch.end, i, word_size)));
  }
  sum = block_sum(sum, shared_memory<std::int64_t>());
  if (threadIdx.x == 0) stretches[blockIdx.x] = {sum, 0};
}

template <typename T>
__global__ void restore_mask_kernel(std::int64_t count, const std::uint8_t* mask, const T* values,
                                    const TileCount* stretches, T* x) {
  Stretch stretch(count);
  auto* scratch = shared_memory<std::int64_t>();
  std::int64_t before = Position(stretches, scratch).before.above;
  for (std::int64_t tile = stretch.begin; tile < stretch.end; tile += block_tile) {
    std::int64_t first = tile + std::int64_t{threadIdx.x} * word_size;
    int n = count_before(stretch.end, first, word_size);
    unsigned bits = n > 0 ? load_word(mask, first, n) : 0;
    for (std::int64_t i = tile + std::int64_t{threadIdx.x} * Pack::size; i < tile + block_tile;
         i += std::int64_t{block_size} * Pack::size) {
      store_pack(x + i, Pack{}, count_before(stretch.end, i, Pack::size));
    }
    int total = 0;
    std::int64_t place = before + block_prefix(__popc(bits), total, reinterpret_cast<int*>(scratch));
    move_bits(  // behind the zeros: block_prefix is a barrier
        bits, [&](int, int k) { return values[place + k]; }, [&](int j, int, T value) { x[first + j] = value; });
    before += total;
  }
}

template <typename T>
__global__ void restore_int32_kernel(const DropCounts* counts, const std::int32_t* index, const T* values, T* x) {
  std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  for (; i < counts->kept; i += std::int64_t{gridDim.x} * blockDim.x) x[index[i]] = values[i];
}

namespace {

constexpr std::size_t scratch = block_size / warp_size * sizeof(std::int64_t);

/// One wave on any GPU, and few enough for each block to add up the others' counts.
unsigned stretch_count(std::int64_t count) {
  return static_cast<unsigned>(std::min({std::int64_t{512}, most_blocks, (count + block_tile - 1) / block_tile}));
}

template <typename T, typename Border>
void pack(const Tensor& x, const Border& border, const KeptElements& kept, const Tensor& tiles) {
  unsigned blocks = std::max(stretch_count(x.count()), 1u);  // counts are written for an empty tensor, too
  auto* stretches = reinterpret_cast<TileCount*>(tiles.raw());
  auto* mask = kept.form == DropIndex::bitmask ? kept.index.data<std::uint8_t>() : nullptr;
  auto* index = kept.form == DropIndex::int32 ? kept.index.data<std::int32_t>() : nullptr;
  launch(drop_count_kernel<T, Border>, blocks, block_size, scratch, stream_of(x), x.count(), x.data<T>(), border,
         stretches);
  launch(drop_pack_kernel<T, Border>, blocks, block_size, scratch, stream_of(x), x.count(), x.data<T>(), border,
         stretches, kept.values.count(), kept.values.data<T>(), mask, index,
         reinterpret_cast<DropCounts*>(kept.counts.raw()));
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
    auto* stretches = reinterpret_cast<TileCount*>(tiles.raw());
    const auto* mask = kept.index.data<std::uint8_t>();
    unsigned blocks = stretch_count(x.count());
    launch(mask_count_kernel, blocks, block_size, scratch, stream_of(x), x.count(), mask, stretches);
    launch(restore_mask_kernel<T>, blocks, block_size, scratch, stream_of(x), x.count(), mask, kept.values.data<T>(),
           stretches, x.data<T>());
  });
}

}  // namespace stint::cuda
