#pragma once

#include <stint/layers/model_state.h>
#include <stint/layers/schedule.h>
#include <stint/runtime/local_update.h>
#include <stint/tools/config/config.h>
#include <stint/tools/data/configured.h>
#include <stint/tools/data/input_recipe.h>
#include <stint/tools/trainer/dropping.h>
#include <stint/tools/trainer/ema.h>

#include <memory>
#include <optional>

namespace stint {

class Synchroniser;

struct StepResult {
  double loss = 0;
  double lr = 0;
  bool skipped = false;  ///< for a loss or gradient that is not finite on any worker, with `optim.on_nan` skip
};

struct EvalResult {
  double loss = 0;
  double top1 = 0;          ///< per cent
  double top5 = 0;          ///< per cent
  std::int64_t images = 0;  ///< that were judged: all that can be decoded
};

/// What a training step costs in memory, in bytes: from the allocator, over all steps so far.
struct StepMemory {
  PurposeBytes peak;                  ///< by purpose at the moment of the largest total
  std::size_t saved_activations = 0;  ///< held when backward starts: the sum of the ledger
  std::size_t peak_reserved = 0;
  PurposeBytes live;  ///< after the last step
};

/// A model with its optimiser on a device, and the one training step: what `train`, `plan` and `bench` run alike.
class Training {
 public:
  /// `images` tells channels, size and classes; `steps_per_epoch` turns the schedule's epochs into steps.
  Training(const Config& config, const ImageSet& images, std::int64_t steps_per_epoch, Device device);

  /// Forward and backward of one batch: its gradients are added to those of the step. Errors: a loss that is not finite
  /// (ErrorKind::diverged), naming the first operator that made one.
  void accumulate(const Batch& batch);
  /// The update, with the mean gradient of the batches since the last one.
  StepResult update();
  /// `accumulate`, as often as the configuration asks for, and `update`.
  StepResult step(const Batch& batch);

  /// From now on the update is that of several workers.
  void set_synchroniser(Synchroniser* synchroniser) { synchroniser_ = synchroniser; }

  /// Batches of a step (`optim.grad_accum_steps`).
  std::int64_t accumulations() const { return accumulations_; }

  /// With the averaged weights, where there are such. Errors (ErrorKind::data): no image can be decoded.
  EvalResult evaluate(Loader& loader);

  ModelState& state() { return state_; }
  const ModelState& state() const { return state_; }
  Module& model() { return *model_; }
  /// What images must go through before the model sees them.
  const InputRecipe& input() const { return input_; }
  LocalUpdate& optimiser() { return *optimiser_; }
  RandomState& random() { return random_; }
  Dropping& dropping() { return dropping_; }
  Ema* ema() { return ema_ ? &*ema_ : nullptr; }
  Device device() const { return state_.device(); }
  double lr_of(std::int64_t step) const { return schedule_.at(step - earlier_); }
  std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t steps) { steps_ = steps; }
  /// Where the schedules stand, in steps of this configuration's epochs: a resumed run's may have had another length.
  void set_position(std::int64_t position);
  const StepMemory& memory() const { return memory_; }
  /// Takes the allocator's peaks into it: behind every step, and behind what else a run does.
  void note_memory();

  /// Loss of one batch on a tape; the logits as a by-product.
  Value loss(Tape& tape, const Batch& batch, Value* logits = nullptr);

 private:
  /// Returns the loss. `random`: the state before the forward, which an explanation runs again.
  double forward_and_backward(Tape& tape, const Batch& batch, const RandomState& random);
  void run_backward(Tape& tape, const Value& loss);

  std::unique_ptr<Module> model_;
  InputRecipe input_;
  ModelState state_;
  Dropping dropping_;
  std::unique_ptr<LocalUpdate> optimiser_;
  Schedule schedule_;
  RandomState random_;
  std::optional<Ema> ema_;
  float smoothing_;
  float clip_;
  bool skip_nan_;
  Tensor buffers_before_;  // of the step, where it may have to be undone
  bool keep_weights_;      // in an evaluation; a budget is that of a step, which has no room for the copies
  std::int64_t accumulations_;
  std::int64_t accumulated_ = 0;
  double loss_sum_ = 0;
  std::int64_t steps_ = 0;
  std::int64_t earlier_ = 0;  // of them, more than this configuration would have made
  StepMemory memory_;
  Synchroniser* synchroniser_ = nullptr;
};

/// The model that a configuration names, for images like these.
std::unique_ptr<Module> make_configured_model(const Config& config, const ImageSet& images);

}  // namespace stint
