#pragma once

#include <stint/runtime/block_table.h>
#include <stint/runtime/tensor.h>

#include <vector>

namespace stint {

/// A stretch [begin, end) of a flat vector to which weight decay applies, or does not.
struct DecayRun {
  std::int64_t begin;
  std::int64_t end;
  bool decay;
};

/// Covers [0, table.extent()) in order; neighbouring blocks of the same kind are one run.
using DecayRuns = std::vector<DecayRun>;

/// What every optimiser asks of a flat vector x. Errors: a twin of other size; runs, if any, that do not end with x.
inline void check_update(std::string_view name, const Tensor& x, const Tensor& twin, const DecayRuns& decays) {
  require(!twin || twin.count() == x.count(), name, "expected a twin of {} elements, got {}", x.count(),
          twin ? twin.count() : 0);
  require(decays.empty() || decays.back().end == x.count(), name, "expected decays of {} elements, got {}", x.count(),
          decays.empty() ? 0 : decays.back().end);
}

inline DecayRuns decay_runs(const BlockTable& table) {
  DecayRuns runs;
  for (std::size_t i = 0; i < table.size(); ++i) {
    std::int64_t end = i + 1 < table.size() ? table[i + 1].offset : table.extent();
    if (!runs.empty() && runs.back().decay == table[i].decay) {
      runs.back().end = end;
    } else {
      runs.push_back({table[i].offset, end, table[i].decay});
    }
  }
  return runs;
}

}  // namespace stint
