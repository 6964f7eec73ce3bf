#pragma once

#include <stint/autograd/drop_policy.h>
#include <stint/layers/module.h>
#include <stint/tools/config/config.h>
#include <stint/tools/config/drop_option.h>

#include <memory>
#include <optional>

namespace stint {

/// What a configuration says about saved tensors, for one model: `memory.drop` and `memory.drop_layers`.
class Dropping {
 public:
  /// Errors (ErrorKind::usage): a layer that the model does not have; a gamma that is none; layers without
  /// `memory.drop`.
  Dropping(const Config& config, Module& model, std::int64_t steps_per_epoch);

  /// The policy of a step: keeps everything dense where nothing is to be dropped. `batch`: of those of the step.
  SavePolicy& policy_of(std::int64_t step, std::int64_t batch = 0);
  /// Steps that are not counted in epochs.
  void set_earlier(std::int64_t steps) { earlier_ = steps; }

  /// Null where nothing is to be dropped.
  DropPolicy* policy() { return policy_.get(); }

  /// Epochs with which the share that is dropped changes; the first is 0, and all are before another.
  std::vector<std::int64_t> epochs(std::int64_t before) const;

 private:
  std::optional<DropOption> option_;
  std::unique_ptr<DropPolicy> policy_;
  std::int64_t steps_per_epoch_;
  std::int64_t earlier_ = 0;
};

}  // namespace stint
