// Packing kept elements and restoring the tensor, tile by tile: sums of what each tile has inside the border say where
// its elements go, and one read moves them. Of a border by exact selection the counts of nearly all tiles are there
// already; a sample, moments or random words leave none, and then a read of its own counts. Elements are picked by the
// bits of words of 64. Nothing depends on the number of threads.

#include <stint/kernels/bits.h>
#include <stint/kernels/drop/drop_kernels.h>
#include <stint/kernels/drop/pick.h>
#include <stint/runtime/parallel.h>

#include <bit>
#include <cstring>

namespace stint::cpu {

namespace {

constexpr std::int64_t grain = 16;  // tiles
constexpr std::int64_t words_a_tile = key_tile / key_block_size;

/// Turns the counts of tiles into sums of the tiles before; the last entry is the total.
void sum_up(TileCount* tiles, std::int64_t count) {
  TileCount sum{};
  for (std::int64_t tile = 0; tile <= count; ++tile) {
    TileCount own = tile < count ? tiles[tile] : TileCount{};
    tiles[tile] = sum;
    sum = {sum.above + own.above, sum.equal + own.equal};
  }
}

/// `word` without the bits behind its first `count` that are set.
std::uint64_t first_bits(std::uint64_t word, std::int64_t count) {
  if (std::popcount(word) <= count) return word;
  std::uint64_t rest = word;
  for (; count > 0; --count) rest &= rest - 1;
  return word ^ rest;
}

/// Calls body(first word, last word, tile) for the tiles of a tensor.
template <typename Body>
void for_tiles(std::int64_t count, const Body& body) {
  parallel_for(key_tiles(count), grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t tile = begin; tile < end; ++tile) {
      body(tile * words_a_tile, std::min((tile + 1) * words_a_tile, key_block_count(count)), tile);
    }
  });
}

/// A word of a mask that has `left` bytes from there on: all eight, in one instruction, but at the end of the tensor.
void store_word(std::uint64_t word, std::uint8_t* to, std::int64_t left) {
  if (left >= 8) {
    std::memcpy(to, &word, 8);
  } else {
    std::memcpy(to, &word, static_cast<std::size_t>(left));
  }
}

std::uint64_t load_word(const std::uint8_t* from, std::int64_t left) {
  std::uint64_t word = 0;
  if (left >= 8) {
    std::memcpy(&word, from, 8);
  } else {
    std::memcpy(&word, from, static_cast<std::size_t>(left));
  }
  return word;
}

template <typename T, typename Keys>
class Packer {
 public:
  Packer(const Tensor& x, const Keys& keys, std::uint32_t border, const KeptElements& kept, TileCount* tiles)
      : x_(x.data<T>()),
        count_(x.count()),
        keys_(keys),
        border_(border),
        capacity_(kept.values.count()),
        values_(kept.values.data<T>()),
        mask_(kept.form == DropIndex::bitmask ? kept.index.data<std::uint8_t>() : nullptr),
        index_(kept.form == DropIndex::int32 ? kept.index.data<std::int32_t>() : nullptr),
        counts_(reinterpret_cast<DropCounts*>(kept.counts.raw())),
        tiles_(tiles) {}

  /// counted: the tiles in which nothing equals the border.
  void run(bool counted) const {
    for_tiles(count_, [&](std::int64_t begin, std::int64_t end, std::int64_t tile) {
      if (!counted || tiles_[tile].equal > 0) count(begin, end, tiles_[tile]);
    });
    sum_up(tiles_, key_tiles(count_));
    const TileCount& total = tiles_[key_tiles(count_)];
    std::int64_t room = total.room(capacity_);
    for_tiles(count_,
              [&](std::int64_t begin, std::int64_t end, std::int64_t tile) { pack(begin, end, tiles_[tile], room); });
    finish(total.inside(room));
  }

 private:
  void count(std::int64_t begin, std::int64_t end, TileCount& tile) const {
    tile = {};
    for (std::int64_t number = begin; number < end; ++number) {
      KeyBlock block(x_, count_, number, keys_);
      tile.above += std::popcount(block.above(border_));
      tile.equal += std::popcount(block.where(border_, border_));
    }
  }

  void pack(std::int64_t begin, std::int64_t end, const TileCount& before, std::int64_t room) const {
    std::int64_t ties = std::max<std::int64_t>(room - before.equal, 0), place = before.inside(room);
    for (std::int64_t number = begin; number < end; ++number) {
      KeyBlock block(x_, count_, number, keys_);
      std::uint64_t inside = block.above(border_);
      if (ties > 0) {
        std::uint64_t taken = first_bits(block.where(border_, border_), ties);
        ties -= std::popcount(taken);
        inside |= taken;
      }
      place += move(first_bits(inside, capacity_ - std::min(place, capacity_)), number, place);
    }
  }

  /// Moves the elements of one word to `place`; returns how many.
  int move(std::uint64_t inside, std::int64_t number, std::int64_t place) const {
    std::int64_t first = number * key_block_size;
    pack_word(x_ + first, inside, values_ + place, first + key_block_size <= count_);
    if (mask_) {
      store_word(inside, mask_ + number * 8, mask_bytes(count_) - number * 8);
    } else {
      std::int32_t* index = index_ + place;
      for_bits(inside, [&](int j) { *index++ = static_cast<std::int32_t>(first + j); });
    }
    return std::popcount(inside);
  }

  void finish(std::int64_t inside) const {
    std::int64_t kept = std::min(inside, capacity_);
    *counts_ = {inside, kept};
    std::fill(values_ + kept, values_ + capacity_, T(0.0f));
    if (index_) std::fill(index_ + kept, index_ + capacity_, -1);
  }

  const T* x_;
  std::int64_t count_;
  Keys keys_;
  std::uint32_t border_;
  std::int64_t capacity_;
  T* values_;
  std::uint8_t* mask_;   // or
  std::int32_t* index_;  // the other is null
  DropCounts* counts_;
  TileCount* tiles_;
};

template <typename T>
void restore_mask(const KeptElements& kept, const Tensor& x, TileCount* tiles) {
  const auto* mask = kept.index.data<std::uint8_t>();
  std::int64_t count = x.count(), bytes = kept.index.count();
  T* to = x.data<T>();
  auto word_at = [&](std::int64_t number) { return load_word(mask + number * 8, bytes - number * 8); };
  for_tiles(count, [&](std::int64_t begin, std::int64_t end, std::int64_t tile) {
    tiles[tile] = {};
    for (std::int64_t number = begin; number < end; ++number) tiles[tile].above += std::popcount(word_at(number));
  });
  sum_up(tiles, key_tiles(count));
  for_tiles(count, [&](std::int64_t begin, std::int64_t end, std::int64_t tile) {
    const T* values = kept.values.data<T>() + tiles[tile].above;
    for (std::int64_t number = begin; number < end; ++number) {
      std::int64_t first = number * key_block_size;
      std::uint64_t word = word_at(number);
      spread_word(values, word, to + first, std::min<std::int64_t>(key_block_size, count - first));
      values += std::popcount(word);
    }
  });
}

template <typename T>
void restore_int32(const KeptElements& kept, const Tensor& x) {
  const auto* index = kept.index.data<std::int32_t>();
  const T* values = kept.values.data<T>();
  std::int64_t count = reinterpret_cast<const DropCounts*>(kept.counts.raw())->kept;
  x.zero();
  parallel_for(count, 16384, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) x.data<T>()[index[i]] = values[i];
  });
}

}  // namespace

void drop_pack(const Tensor& x, const DropBorder& border, const KeptElements& kept, const Tensor& tiles) {
  auto* counts = reinterpret_cast<TileCount*>(tiles.raw());
  with_float_type(x.dtype(), "drop", [&](auto type) {
    using T = decltype(type);
    if (border.cut) {
      auto cut = *reinterpret_cast<const Cut*>(border.cut.raw());
      Packer<T, MagnitudeKeys>(x, {cut.center}, cut.key, kept, counts).run(border.counted);
    } else {
      Packer<T, RandomKeys>(x, {border.sequence}, border.key, kept, counts).run(border.counted);
    }
  });
}

void drop_restore(const KeptElements& kept, const Tensor& x, const Tensor& tiles) {
  with_float_type(x.dtype(), "drop", [&](auto type) {
    using T = decltype(type);
    if (kept.form == DropIndex::bitmask) {
      restore_mask<T>(kept, x, reinterpret_cast<TileCount*>(tiles.raw()));
    } else {
      restore_int32<T>(kept, x);
    }
  });
}

}  // namespace stint::cpu
