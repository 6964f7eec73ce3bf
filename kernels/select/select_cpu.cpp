// Selection on the CPU by narrowing a range of keys: a histogram of the keys inside says in which bin the border lies,
// which is the next range. The first range comes from a sample of a few thousand keys, and is nearly always right;
// where it is not, everything is counted. Keys are made 64 at a time, in vector code, and the few in the range picked
// out of a word of bits. Counts are integers, and the result does not depend on the sample, nor on threads.

#include <stint/kernels/lanes.h>
#include <stint/kernels/select/key_block.h>
#include <stint/kernels/select/select_kernels.h>
#include <stint/runtime/parallel.h>

#include <atomic>
#include <bit>
#include <cmath>
#include <functional>
#include <mutex>
#include <numeric>
#include <vector>

namespace stint::cpu {

namespace {

constexpr std::int64_t grain = 1024;  // blocks of keys
constexpr int bin_count = 2048;       // two histograms fit the first-level cache
static_assert(bin_count * sizeof(std::int64_t) <= sizeof(Descent));

/// Adds up histograms of pieces of the blocks [0, count): `count_piece(begin, end, counts)` makes one.
template <typename Count>
void add_histograms(std::int64_t count, std::int64_t* bins, const Count& count_piece) {
  std::mutex mutex;
  std::fill(bins, bins + bin_count, 0);
  parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
    std::uint32_t counts[bin_count] = {};
    count_piece(begin, end, counts);
    std::lock_guard lock(mutex);
    for (int bin = 0; bin < bin_count; ++bin) bins[bin] += counts[bin];
  });
}

/// Keys from `low` to `high`, in bins of 2^shift.
struct Range {
  std::uint32_t low = 0, high = nan_key;

  int shift() const { return static_cast<int>(std::bit_width((high - low) / bin_count)); }
  Range of_bin(std::uint32_t bin) const {
    std::uint32_t first = low + (bin << shift());
    return {first, std::min(high, first + (1u << shift()) - 1)};
  }
};

/// Calls body(block) for the blocks of keys [begin, end).
template <typename T, typename Body>
void for_blocks(const T* x, std::int64_t count, std::int64_t begin, std::int64_t end, const Body& body) {
  for (std::int64_t number = begin; number < end; ++number) body(KeyBlock(x, count, number, MagnitudeKeys{}));
}

/// Counts all keys, in the bins of the whole range.
template <typename T>
void count_all(const T* x, std::int64_t count, std::int64_t* bins) {
  int shift = Range{}.shift();
  add_histograms(key_block_count(count), bins, [&](std::int64_t begin, std::int64_t end, std::uint32_t* counts) {
    // Takes turns with a second one: the zeros behind a ReLU would wait for each other at one counter.
    std::uint32_t others[bin_count] = {};
    for_blocks(x, count, begin, end, [&](const KeyBlock& block) {
      for (int j = 0; j + 2 <= block.count; j += 2) {
        ++counts[block.keys[j] >> shift];
        ++others[block.keys[j + 1] >> shift];
      }
      if (block.count % 2 != 0) ++counts[block.keys[block.count - 1] >> shift];
    });
    for (int bin = 0; bin < bin_count; ++bin) counts[bin] += others[bin];
  });
}

/// Counts the keys of a range in its bins; returns how many are above.
template <typename T>
std::int64_t count_range(const T* x, std::int64_t count, Range range, std::int64_t* bins) {
  std::atomic<std::int64_t> above = 0;
  int shift = range.shift();
  add_histograms(key_block_count(count), bins, [&](std::int64_t begin, std::int64_t end, std::uint32_t* counts) {
    std::int64_t here = 0;
    for_blocks(x, count, begin, end, [&](const KeyBlock& block) {
      here += std::popcount(block.above(range.high));
      for_bits(block.where(range.low, range.high), [&](int j) { ++counts[(block.keys[j] - range.low) >> shift]; });
    });
    above += here;
  });
  return above;
}

/// Where the `keep`-th key from the top should be, four standard deviations to either side.
template <typename T>
Range guess(const T* x, std::int64_t count, std::int64_t keep) {
  constexpr int step = 8, size = sample_size / step;
  if (count < 16 * size) return {};
  std::vector<std::uint32_t> keys;
  for (std::int64_t i = 0; i < size / 4; ++i) {
    for (std::int64_t place : sample_places(i * step, count)) keys.push_back(magnitude_key(x[place], 0));
  }
  double share = static_cast<double>(keep) / static_cast<double>(count);
  double deviation = std::sqrt(size * share * (1 - share));
  auto key_at = [&](double rank) {  // from the top
    auto place = keys.begin() + std::clamp(static_cast<int>(rank), 0, size - 1);
    std::nth_element(keys.begin(), place, keys.end(), std::greater<>());
    return *place;
  };
  return {key_at(size * share + 4 * deviation + 2), key_at(size * share - 4 * deviation - 2)};
}

/// Goes down to the bin that holds the `wanted`-th element from the top, and to its place in there.
std::uint32_t descend(const std::int64_t* bins, std::int64_t& wanted) {
  std::uint32_t bin = bin_count - 1;
  for (; bins[bin] < wanted; --bin) wanted -= bins[bin];
  return bin;
}

template <typename T>
Cut largest(const T* x, std::int64_t count, std::int64_t keep, std::int64_t* bins) {
  if (keep == 0) return {.key = ~0u};
  Range range = guess(x, count, keep);
  std::int64_t wanted = keep - count_range(x, count, range, bins);
  if (wanted <= 0 || wanted > std::accumulate(bins, bins + bin_count, std::int64_t{0})) {
    range = {};
    wanted = keep;
    count_all(x, count, bins);
  }
  while (true) {
    int shift = range.shift();
    std::uint32_t bin = descend(bins, wanted);
    range = range.of_bin(bin);
    if (shift <= silent_bits<T>) return {.key = range.low, .room = wanted, .ties = bins[bin]};
    count_range(x, count, range, bins);
  }
}

template <typename T>
Moments moments_of(const T* x, std::int64_t count) {
  WideLanes sums[2]{}, squares[2]{};
  for_wide_lanes(x, count, [&](auto half, const WideLanes& v) {
    sums[half] += v;
    squares[half] += v * v;
  });
  return {.sum = sum_of_halves(sums), .squares = sum_of_halves(squares)};
}

}  // namespace

void cut_largest(const Tensor& x, std::int64_t keep, const Tensor& cut, const Tensor& descent) {
  with_float_type(x.dtype(), "select", [&](auto type) {
    auto* bins = reinterpret_cast<std::int64_t*>(descent.raw());
    *reinterpret_cast<Cut*>(cut.raw()) = largest(x.data<decltype(type)>(), x.count(), keep, bins);
  });
}

void count_room(const Tensor& x, std::int64_t keep, const Tensor& cut) {
  auto& border = *reinterpret_cast<Cut*>(cut.raw());
  if (has_few_ties(border, keep, x.count())) {
    border.room = unlimited_room;
    return;
  }
  std::atomic<std::int64_t> above = 0;
  with_float_type(x.dtype(), "select", [&](auto type) {
    const auto* values = x.data<decltype(type)>();
    parallel_for(key_block_count(x.count()), grain, [&](std::int64_t begin, std::int64_t end) {
      std::int64_t here = 0;
      for_blocks(values, x.count(), begin, end,
                 [&](const KeyBlock& block) { here += std::popcount(block.above(border.key)); });
      above += here;
    });
  });
  border.room = keep - above;
}

void cut_outside(const Tensor& x, double sigmas, const Tensor& cut, const Tensor& moments) {
  auto* parts = reinterpret_cast<Moments*>(moments.raw());
  std::int64_t tiles = (x.count() + moments_tile - 1) / moments_tile;
  with_float_type(x.dtype(), "select", [&](auto type) {
    const auto* values = x.data<decltype(type)>();
    parallel_for(tiles, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t tile = begin; tile < end; ++tile) {
        std::int64_t first = tile * moments_tile;
        parts[tile] = moments_of(values + first, std::min(x.count() - first, moments_tile));
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
  *reinterpret_cast<Cut*>(cut.raw()) = cut_around(center, reach);
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
