// Packing kept elements and restoring the tensor, a piece at a time that fits a core's cache: how many of its elements
// are inside the border says, with the pieces before it, where they go. So the tensor is read from memory once.
// Elements are picked by the bits of words of 64. Nothing depends on the number of threads.

#include <stint/kernels/bits.h>
#include <stint/kernels/drop/drop_kernels.h>
#include <stint/kernels/drop/pick.h>
#include <stint/kernels/ordered_pieces.h>

#include <bit>
#include <cstring>

namespace stint::cpu {

namespace {

/// Words of a piece: 128 KB of f32, a part of any second-level cache.
constexpr std::int64_t piece_words = 512;

std::int64_t piece_count(std::int64_t count) {
  return (key_block_count(count) + piece_words - 1) / piece_words;
}

/// The words [begin, end) of a piece.
struct WordRange {
  std::int64_t begin, end;

  WordRange(std::int64_t piece, std::int64_t count)
      : begin(piece * piece_words), end(std::min(begin + piece_words, key_block_count(count))) {}
};

/// `word` without the bits behind its first `count` that are set.
std::uint64_t first_bits(std::uint64_t word, std::int64_t count) {
  if (std::popcount(word) <= count) return word;
  std::uint64_t rest = word;
  for (; count > 0; --count) rest &= rest - 1;
  return word ^ rest;
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
  Packer(const Tensor& x, const Keys& keys, std::uint32_t border, std::int64_t room, const KeptElements& kept)
      : x_(x.data<T>()),
        count_(x.count()),
        keys_(keys),
        border_(border),
        room_(room),
        capacity_(kept.values.count()),
        values_(kept.values.data<T>()),
        mask_(kept.form == DropIndex::bitmask ? kept.index.data<std::uint8_t>() : nullptr),
        index_(kept.form == DropIndex::int32 ? kept.index.data<std::int32_t>() : nullptr) {}

  DropCounts run() const {
    OrderedPieces<SideCounts> pieces(piece_count(count_));
    pieces.run([&](std::int64_t piece) {
      WordRange words(piece, count_);
      Sides sides;
      SideCounts own = find(words, sides);
      move(words, sides, pieces.before(piece, own));
    });
    std::int64_t inside = pieces.total().inside(room_);
    return {inside, std::min(inside, capacity_)};
  }

 private:
  /// A bit a key: above the border, or on it.
  struct Sides {
    std::uint64_t above[piece_words], equal[piece_words];
  };

  SideCounts find(const WordRange& words, Sides& sides) const {
    SideCounts found;
    for (std::int64_t number = words.begin; number < words.end; ++number) {
      KeyBlock block(x_, count_, number, keys_);
      std::uint64_t above = block.above(border_), equal = block.where(border_, border_);
      sides.above[number - words.begin] = above;
      sides.equal[number - words.begin] = equal;
      found = found + SideCounts{std::popcount(above), std::popcount(equal)};
    }
    return found;
  }

  void move(const WordRange& words, const Sides& sides, const SideCounts& before) const {
    std::int64_t ties = std::max<std::int64_t>(room_ - before.equal, 0), place = before.inside(room_);
    for (std::int64_t number = words.begin; number < words.end; ++number) {
      std::uint64_t taken = first_bits(sides.equal[number - words.begin], ties);
      ties -= std::popcount(taken);
      std::uint64_t inside = sides.above[number - words.begin] | taken;
      place += move_word(first_bits(inside, capacity_ - std::min(place, capacity_)), number, place);
    }
  }

  /// Moves the elements of one word to `place`; returns how many.
  int move_word(std::uint64_t inside, std::int64_t number, std::int64_t place) const {
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

  const T* x_;
  std::int64_t count_;
  Keys keys_;
  std::uint32_t border_;
  std::int64_t room_, capacity_;
  T* values_;
  std::uint8_t* mask_;   // or
  std::int32_t* index_;  // the other is null
};

template <typename T>
void restore_mask(const KeptElements& kept, const Tensor& x) {
  const auto* mask = kept.index.data<std::uint8_t>();
  std::int64_t count = x.count(), bytes = kept.index.count();
  T* to = x.data<T>();
  auto word_at = [&](std::int64_t number) { return load_word(mask + number * 8, bytes - number * 8); };
  OrderedPieces<std::int64_t> pieces(piece_count(count));
  pieces.run([&](std::int64_t piece) {
    WordRange words(piece, count);
    std::int64_t own = 0;
    for (std::int64_t number = words.begin; number < words.end; ++number) own += std::popcount(word_at(number));
    const T* values = kept.values.data<T>() + pieces.before(piece, own);
    for (std::int64_t number = words.begin; number < words.end; ++number) {
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

std::size_t drop_workspace(std::int64_t) {
  return 0;
}

void drop_pack(const Tensor& x, const DropBorder& border, const KeptElements& kept, const Tensor&) {
  with_float_type(x.dtype(), "drop", [&](auto type) {
    using T = decltype(type);
    auto pack = [&](const auto& keys, std::uint32_t key, std::int64_t room) {
      *reinterpret_cast<DropCounts*>(kept.counts.raw()) =
          Packer<T, std::decay_t<decltype(keys)>>(x, keys, key, room, kept).run();
    };
    if (border.cut) {
      const auto& cut = *reinterpret_cast<const Cut*>(border.cut.raw());
      pack(MagnitudeKeys{cut.center}, cut.key, cut.room);
    } else {
      pack(RandomKeys{border.sequence}, border.key, unlimited_room);
    }
  });
}

void drop_restore(const KeptElements& kept, const Tensor& x, const Tensor&) {
  with_float_type(x.dtype(), "drop", [&](auto type) {
    using T = decltype(type);
    if (kept.form == DropIndex::bitmask) {
      restore_mask<T>(kept, x);
    } else {
      restore_int32<T>(kept, x);
    }
  });
}

}  // namespace stint::cpu
