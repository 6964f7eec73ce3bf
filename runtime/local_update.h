#pragma once

#include <stint/runtime/tensor.h>

#include <string>
#include <vector>

namespace stint {

/// A tensor that a checkpoint must keep, under a name.
struct NamedTensor {
  std::string name;
  Tensor tensor;
};

/// The rule that moves flat parameters along a direction: an optimiser as the algorithms of `dist/` see it.
class LocalUpdate {
 public:
  virtual ~LocalUpdate() = default;

  /// x <- x - lr * (what the optimiser makes of `direction`, x and its state). x and direction: f32, the same flat
  /// extent. Padding between blocks stays zero.
  virtual void apply(const Tensor& x, const Tensor& direction, float lr) = 0;

  /// What a checkpoint keeps; the tensors are live, so restoring is copying into them.
  virtual std::vector<NamedTensor> state() = 0;

  /// How many times `apply` was called; part of the state where the rule depends on it (Adam's bias correction).
  virtual std::int64_t steps() const = 0;
  virtual void set_steps(std::int64_t steps) = 0;
};

}  // namespace stint
