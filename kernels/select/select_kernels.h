#pragma once

#include <stint/kernels/dispatch.h>
#include <stint/kernels/select/keys.h>
#include <stint/kernels/select/select.h>
#include <stint/runtime/philox.h>

namespace stint {

inline constexpr int most_bins = 32768;  ///< of a histogram

/// Scratch of `cut_largest` on CUDA: a histogram, and how far the descent has come. The CPU has a smaller one there.
struct Descent {
  std::uint32_t bins[most_bins];
  std::int64_t wanted;
  std::uint32_t prefix;
};

/// Sum and sum of squares.
struct Moments {
  double sum, squares;

  constexpr double mean(std::int64_t count) const { return sum / static_cast<double>(count); }
  /// 0 where rounding of the sums may have made all of it: of equal elements it is 0.
  constexpr double variance(std::int64_t count) const {
    double square = squares / static_cast<double>(count), difference = square - mean(count) * mean(count);
    return difference < 1e-11 * square ? 0 : difference;
  }
};

/// What is at least `reach` away from `center`.
constexpr Cut cut_around(float center, float reach) {
  std::uint32_t key = magnitude_key(reach, 0);
  return {.center = center, .key = key < infinity_key ? key : ~0u};
}

/// Elements whose moments are added up by one thread of the CPU, or by one block.
inline constexpr std::int64_t moments_tile = 16384;

inline constexpr std::int64_t sample_size = 32768;

/// The places of samples 4 * `number` to 4 * `number` + 3: each anywhere in its share of `count` elements, so that no
/// period of the layout is hit or missed.
constexpr std::array<std::int64_t, 4> sample_places(std::int64_t number, std::int64_t count) {
  std::array<std::int64_t, 4> places{};
  auto words = RandomSequence{}.words(static_cast<std::uint64_t>(number));
  for (int k = 0; k < 4; ++k) {
    std::int64_t i = 4 * number + k, begin = count * i / sample_size, end = count * (i + 1) / sample_size;
    places[k] = begin + static_cast<std::int64_t>((words[k] * static_cast<std::uint64_t>(end - begin)) >> 32);
  }
  return places;
}

STINT_KERNEL(void cut_largest(const Tensor& x, std::int64_t keep, const Tensor& cut, const Tensor& descent))
STINT_KERNEL(void cut_outside(const Tensor& x, double sigmas, const Tensor& cut, const Tensor& moments))
/// True if a sample's elements on the border are no more than a 32nd of those it keeps, some two standard deviations of
/// their number when a tenth is kept: all of them can be inside.
constexpr bool has_few_ties(const Cut& sampled, std::int64_t keep, std::int64_t count) {
  return 32 * sampled.ties * count <= keep * sample_size;
}

/// Of a sample's border: cut.room <- all if it has few ties, else what the elements above the border leave of `keep`.
STINT_KERNEL(void count_room(const Tensor& x, std::int64_t keep, const Tensor& cut))
STINT_KERNEL(void take_sample(const Tensor& x, const Tensor& sample))

}  // namespace stint
