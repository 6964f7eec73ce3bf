// Packing kept elements and restoring the tensor, tile by tile: one read counts what each tile has inside the border,
// sums of those counts say where its elements go, and a second read moves them. Elements are picked by the bits of
// words of 64. Nothing depends on the number of threads.

#include <stint/kernels/drop/drop_kernels.h>
#include <stint/kernels/drop/pick.h>
#include <stint/runtime/parallel.h>

#include <bit>
#include <cstring>

namespace stint::cpu {

namespace {

constexpr std::int64_t grain = 16;  // tiles
constexpr std::int64_t words_a_tile = drop_tile / key_block_size;

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
  parallel_for(drop_tiles(count), grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t tile = begin; tile < end; ++tile) {
      body(tile * words_a_tile, std::min((tile + 1) * words_a_tile, key_block_count(count)), tile);
    }
  });
}

/// Writes bytes of a mask: all eight of a word but at the end of the tensor.
void store_word(std::uint64_t word, std::int64_t number, const Tensor& mask) {
  std::int64_t bytes = std::min<std::int64_t>(8, mask.count() - number * 8);
  std::memcpy(mask.data<std::uint8_t>() + number * 8, &word, static_cast<std::size_t>(bytes));
}

std::uint64_t load_word(const Tensor& mask, std::int64_t number) {
  std::uint64_t word = 0;
  std::int64_t bytes = std::min<std::int64_t>(8, mask.count() - number * 8);
  std::memcpy(&word, mask.data<std::uint8_t>() + number * 8, static_cast<std::size_t>(bytes));
  return word;
}

template <typename T, typename Keys>
class Packer {
 public:
  Packer(const Tensor& x, const Keys& keys, std::uint32_t border, const KeptElements& kept, TileCount* tiles)
      : x_(x.data<T>()), count_(x.count()), keys_(keys), border_(border), kept_(kept), tiles_(tiles) {}

  void run() const {
    for_tiles(count_,
              [&](std::int64_t begin, std::int64_t end, std::int64_t tile) { count(begin, end, tiles_[tile]); });
    sum_up(tiles_, drop_tiles(count_));
    const TileCount& total = tiles_[drop_tiles(count_)];
    std::int64_t room = total.room(kept_.values.count());
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
      place += move(first_bits(inside, kept_.values.count() - std::min(place, kept_.values.count())), number, place);
    }
  }

  /// Moves the elements of one word to `place`; returns how many.
  int move(std::uint64_t inside, std::int64_t number, std::int64_t place) const {
    std::int64_t first = number * key_block_size;
    T* values = kept_.values.template data<T>() + place;
    pack_word(x_ + first, inside, values, first + key_block_size <= count_);
    if (kept_.form == DropIndex::bitmask) {
      store_word(inside, number, kept_.index);
    } else {
      std::int32_t* index = kept_.index.template data<std::int32_t>() + place;
      for_bits(inside, [&](int j) { *index++ = static_cast<std::int32_t>(first + j); });
    }
    return std::popcount(inside);
  }

  void finish(std::int64_t inside) const {
    std::int64_t capacity = kept_.values.count(), kept = std::min(inside, capacity);
    *reinterpret_cast<DropCounts*>(kept_.counts.raw()) = {inside, kept};
    std::fill(kept_.values.template data<T>() + kept, kept_.values.template data<T>() + capacity, T(0.0f));
    if (kept_.form == DropIndex::bitmask) return;
    auto* index = kept_.index.template data<std::int32_t>();
    std::fill(index + kept, index + capacity, -1);
  }

  const T* x_;
  std::int64_t count_;
  Keys keys_;
  std::uint32_t border_;
  const KeptElements& kept_;
  TileCount* tiles_;
};

template <typename T>
void restore_mask(const KeptElements& kept, const Tensor& x, TileCount* tiles) {
  for_tiles(x.count(), [&](std::int64_t begin, std::int64_t end, std::int64_t tile) {
    tiles[tile] = {};
    for (std::int64_t word = begin; word < end; ++word) {
      tiles[tile].above += std::popcount(load_word(kept.index, word));
    }
  });
  sum_up(tiles, drop_tiles(x.count()));
  for_tiles(x.count(), [&](std::int64_t begin, std::int64_t end, std::int64_t tile) {
    const T* values = kept.values.data<T>() + tiles[tile].above;
    for (std::int64_t number = begin; number < end; ++number) {
      std::int64_t first = number * key_block_size, count = std::min<std::int64_t>(key_block_size, x.count() - first);
      std::uint64_t word = load_word(kept.index, number);
      spread_word(values, word, x.data<T>() + first, count);
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
      Packer<T, MagnitudeKeys>(x, {cut.center}, cut.key, kept, counts).run();
    } else {
      Packer<T, RandomKeys>(x, {border.sequence}, border.key, kept, counts).run();
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
