#pragma once

#include <stint/kernels/decay_runs.h>
#include <stint/runtime/tensor.h>

namespace stint {

/// A stretch of the flat vectors whose learning rate has one factor, with its own decay runs: one call of the rule.
struct UpdateRun {
  std::int64_t begin = 0;
  std::int64_t count = 0;
  float lr_scale = 1;
  DecayRuns decays = {};

  /// This stretch of a flat vector; nothing of an empty one.
  Tensor part(const Tensor& flat) const { return flat ? flat.slice(begin, count) : flat; }
};

/// Covers [0, table.extent()) in order; a single run where no block has a factor of its own.
std::vector<UpdateRun> update_runs(const BlockTable& table);

}  // namespace stint
