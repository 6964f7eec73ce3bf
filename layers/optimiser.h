#pragma once

#include <stint/kernels/adamw/adamw.h>
#include <stint/kernels/sgd/sgd.h>
#include <stint/layers/model_state.h>
#include <stint/layers/update_runs.h>
#include <stint/runtime/local_update.h>

namespace stint {

/// SGD on a model's flat vectors; its state is the velocity, if there is momentum. Writes the model's bf16 twin too.
class SgdOptimiser : public LocalUpdate {
 public:
  SgdOptimiser(const ModelState& model, Sgd rule);

  void apply(const Tensor& x, const Tensor& direction, float lr) override;
  std::vector<NamedTensor> state() override;
  std::int64_t steps() const override { return steps_; }
  void set_steps(std::int64_t steps) override { steps_ = steps; }

 private:
  Sgd rule_;
  std::vector<UpdateRun> runs_;
  Tensor velocity_;
  Tensor twin_;
  std::int64_t steps_ = 0;
};

/// AdamW on a model's flat vectors; its state is the two moments and the number of steps. Writes
/// the model's bf16 twin too.
class AdamWOptimiser : public LocalUpdate {
 public:
  AdamWOptimiser(const ModelState& model, AdamW rule);

  void apply(const Tensor& x, const Tensor& direction, float lr) override;
  std::vector<NamedTensor> state() override;
  std::int64_t steps() const override { return steps_; }
  void set_steps(std::int64_t steps) override { steps_ = steps; }

 private:
  AdamW rule_;
  std::vector<UpdateRun> runs_;
  Tensor first_, second_;
  Tensor twin_;
  std::int64_t steps_ = 0;
};

}  // namespace stint
