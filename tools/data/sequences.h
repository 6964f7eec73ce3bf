#pragma once

#include <stint/runtime/philox.h>

#include <numeric>
#include <utility>
#include <vector>

/// Who draws from which sequences of the run's seed, away from those that the run takes in turn (dropout) and
/// those of the initial weights (2^62 on).
namespace stint {

constexpr std::uint64_t order_sequences = std::uint64_t{1} << 61;    ///< + rank * 2^40 + epoch: order of the samples
constexpr std::uint64_t mix_sequences = std::uint64_t{3} << 60;      ///< + rank * 2^48 + batch: mixup, cutmix
constexpr std::uint64_t augment_sequences = std::uint64_t{3} << 61;  ///< + rank * 2^48 + place in the run
constexpr std::uint64_t validation_sequence = std::uint64_t{1} << 63;
constexpr std::uint64_t shard_sequence = validation_sequence + 1;

/// 0 .. count-1 in a random order (Fisher-Yates).
inline std::vector<std::int64_t> shuffled_range(std::int64_t count, RandomSequence random) {
  std::vector<std::int64_t> order(count);
  std::iota(order.begin(), order.end(), std::int64_t{0});
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i, i)]);
  return order;
}

}  // namespace stint
