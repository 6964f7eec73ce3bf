#pragma once

#include <stint/kernels/decay_runs.h>
#include <stint/kernels/cuda.cuh>

namespace stint::cuda {

/// Decay runs as a kernel's argument: where they end, in units of the block table's alignment. Runs alternate between
/// the two kinds, so an optimiser's step over a whole flat vector is one launch.
struct DecayMap {
  static constexpr int most = 900;  // a kernel's arguments have 4 KiB
  static constexpr std::int64_t unit = BlockTable::alignment;

  int count = 0;
  bool first = false;  // whether the first run decays
  std::uint32_t ends[most];

  explicit DecayMap(const DecayRuns& runs) {
    bool last = false;
    for (const DecayRun& run : runs) {
      require(run.end % unit == 0 && run.end / unit <= UINT32_MAX, "decay runs", "a run ends at {}", run.end);
      if (count == 0) first = run.decay;
      bool another = count == 0 || run.decay != last;
      require(!another || count < most, "decay runs", "more than {} changes between decay and none", most);
      if (another) ++count;
      ends[count - 1] = static_cast<std::uint32_t>(run.end / unit);
      last = run.decay;
    }
  }

  /// Whether element `i` decays.
  __device__ bool at(std::int64_t i) const {
    auto place = static_cast<std::uint32_t>(i / unit);
    int low = 0, high = count - 1;  // the run is the first that ends behind `place`
    while (low < high) {
      int middle = (low + high) / 2;
      if (ends[middle] <= place) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return (low % 2 == 0) == first;
  }
};

}  // namespace stint::cuda
