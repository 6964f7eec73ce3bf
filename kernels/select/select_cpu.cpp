// Radix selection on the CPU: a histogram of the keys' first digit says in which bin the border lies, one of the second
// digit of that bin's elements where in it, and so on. Keys are made 64 at a time, in vector code; behind the first
// digit few elements match, and those are picked out of a word of bits. Counts are integers, so nothing depends on
// threads.

#include <stint/kernels/select/key_block.h>
#include <stint/kernels/select/select_kernels.h>
#include <stint/runtime/parallel.h>

#include <cmath>
#include <mutex>

namespace stint::cpu {

namespace {

constexpr std::int64_t grain = 1024;  // blocks of keys

/// Adds up histograms of pieces of [0, count): `count_piece(begin, end, counts)` makes one.
template <typename Count>
void add_histograms(std::int64_t count, std::int64_t* bins, const Count& count_piece) {
  std::mutex mutex;
  std::fill(bins, bins + most_bins, 0);
  parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
    std::uint32_t counts[most_bins] = {};
    count_piece(begin, end, counts);
    std::lock_guard lock(mutex);
    for (int bin = 0; bin < most_bins; ++bin) bins[bin] += counts[bin];
  });
}

template <typename T>
void count_first_digit(const T* x, std::int64_t count, std::int64_t* bins) {
  add_histograms(key_block_count(count), bins, [&](std::int64_t begin, std::int64_t end, std::uint32_t* counts) {
    // Takes turns with a second one: the zeros behind a ReLU would wait for each other at one counter.
    std::uint32_t others[most_bins] = {};
    for (std::int64_t number = begin; number < end; ++number) {
      KeyBlock block(x, count, number, MagnitudeKeys{});
      for (int j = 0; j + 2 <= block.count; j += 2) {
        ++counts[digits[0].of(block.keys[j])];
        ++others[digits[0].of(block.keys[j + 1])];
      }
      if (block.count % 2 != 0) ++counts[digits[0].of(block.keys[block.count - 1])];
    }
    for (int bin = 0; bin < most_bins; ++bin) counts[bin] += others[bin];
  });
}

/// A later digit of those elements whose digits before it are the border's.
template <typename T>
void count_next_digit(const T* x, std::int64_t count, Digit digit, std::uint32_t border, std::int64_t* bins) {
  std::uint32_t low = digit.prefix(border) << (digit.shift + digit.bits);
  std::uint32_t high = low + (1u << (digit.shift + digit.bits)) - 1;
  add_histograms(key_block_count(count), bins, [&](std::int64_t begin, std::int64_t end, std::uint32_t* counts) {
    for (std::int64_t number = begin; number < end; ++number) {
      KeyBlock block(x, count, number, MagnitudeKeys{});
      for_bits(block.where(low, high), [&](int j) { ++counts[digit.of(block.keys[j])]; });
    }
  });
}

/// Goes down to the bin that holds the `wanted`-th element from the top, and to its place in there.
std::uint32_t descend(const std::int64_t* bins, std::int64_t& wanted) {
  std::uint32_t bin = most_bins - 1;
  for (; bins[bin] < wanted; --bin) wanted -= bins[bin];
  return bin;
}

template <typename T>
Cut largest(const T* x, std::int64_t count, std::int64_t keep, std::int64_t* bins) {
  if (keep == 0) return {.key = ~0u};
  Cut cut{.ties = keep};
  count_first_digit(x, count, bins);
  cut.key = descend(bins, cut.ties) << digits[0].shift;
  for (int i = 1; i < digit_count<T>; ++i) {
    count_next_digit(x, count, digits[i], cut.key, bins);
    cut.key |= descend(bins, cut.ties) << digits[i].shift;
  }
  return cut;
}

}  // namespace

void cut_largest(const Tensor& x, std::int64_t keep, const Tensor& cut, const Tensor& descent) {
  with_float_type(x.dtype(), "select", [&](auto type) {
    auto* bins = reinterpret_cast<Descent*>(descent.raw())->bins;
    *reinterpret_cast<Cut*>(cut.raw()) = largest(x.data<decltype(type)>(), x.count(), keep, bins);
  });
}

void cut_outside(const Tensor& x, double sigmas, const Tensor& cut, const Tensor& moments) {
  auto* parts = reinterpret_cast<Moments*>(moments.raw());
  std::int64_t tiles = (x.count() + moments_tile - 1) / moments_tile;
  with_float_type(x.dtype(), "select", [&](auto type) {
    const auto* values = x.data<decltype(type)>();
    parallel_for(tiles, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t tile = begin; tile < end; ++tile) {
        double sum = 0, squares = 0;
        std::int64_t last = std::min(x.count(), (tile + 1) * moments_tile);
#pragma omp simd reduction(+ : sum, squares)
        for (std::int64_t i = tile * moments_tile; i < last; ++i) {
          double value = float(values[i]);
          sum += value;
          squares += value * value;
        }
        parts[tile] = {sum, squares};
      }
    });
  });
  Moments total{};
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    total.sum += parts[tile].sum;
    total.squares += parts[tile].squares;
  }
  auto center = static_cast<float>(total.mean(x.count()));
  auto reach = static_cast<float>(sigmas * std::sqrt(total.variance(x.count())));
  *reinterpret_cast<Cut*>(cut.raw()) = {.center = center, .key = magnitude_key(reach, 0)};
}

void take_sample(const Tensor& x, const Tensor& sample) {
  with_float_type(x.dtype(), "select", [&](auto type) {
    using T = decltype(type);
    constexpr std::int64_t ahead = 16;  // places known before their elements are read, so that many reads are under way
    parallel_for(sample_size / 4 / ahead, 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        std::array<std::int64_t, 4> places[ahead];
        for (std::int64_t j = 0; j < ahead; ++j) places[j] = sample_places(i * ahead + j, x.count());
        const T* source = x.data<T>();
        T* target = sample.data<T>() + i * ahead * 4;
        for (const auto& four : places) {
          for (std::int64_t place : four) *target++ = source[place];
        }
      }
    });
  });
}

}  // namespace stint::cpu
