#pragma once

#include <cstdint>

namespace stint {

/// The inputs [begin, end) that output `i` of `out` averages, along an axis of `in` elements; and the outputs that
/// input `i` reaches are the bins of the same rule the other way round.
struct AdaptiveBin {
  std::int64_t begin, end;

  constexpr AdaptiveBin(std::int64_t i, std::int64_t in, std::int64_t out)
      : begin(i * in / out), end(((i + 1) * in + out - 1) / out) {}
  constexpr std::int64_t size() const { return end - begin; }
};

}  // namespace stint
