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
