#pragma once

#include <stint/tools/trainer/training.h>

#include <vector>

namespace stint {

/// What a training step will take, found by running the same step on the null device: the allocator runs, the kernels
/// do not.
struct StepPlan {
  std::int64_t parameters = 0;
  double flops = 0;  ///< of one step, forward and backward; a multiply-add counts two; convolutions and linear layers
  StepMemory memory;
  std::vector<LedgerRow> ledger;          ///< what is held between forward and backward
  std::vector<Application> applications;  ///< of the forward
};

StepPlan plan_step(const Config& config, const ImageSet& images);

}  // namespace stint
