#pragma once

#include <stint/layers/model_state.h>
#include <stint/layers/schedule.h>
#include <stint/runtime/local_update.h>
#include <stint/tools/config/config.h>
#include <stint/tools/data/loader.h>
#include <stint/tools/trainer/dropping.h>

#include <memory>

namespace stint {

struct StepResult {
  double loss = 0;
  double lr = 0;
  double gradient_norm = 0;  ///< before clipping; 0 without clipping
};

struct EvalResult {
  double loss = 0;
  double top1 = 0;  ///< per cent
  double top5 = 0;  ///< per cent
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

  /// Forward, backward, update. Errors: a loss that is not finite (ErrorKind::diverged), before anything was updated.
  StepResult step(const Batch& batch);

  EvalResult evaluate(Loader& loader);

  ModelState& state() { return state_; }
  Module& model() { return *model_; }
  LocalUpdate& optimiser() { return *optimiser_; }
  RandomState& random() { return random_; }
  Dropping& dropping() { return dropping_; }
  Device device() const { return state_.device(); }
  double lr_of(std::int64_t step) const { return schedule_.at(step); }
  std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t steps) { steps_ = steps; }
  const StepMemory& memory() const { return memory_; }

  /// Loss of one batch on a tape; the logits as a by-product.
  Value loss(Tape& tape, const Batch& batch, Value* logits = nullptr);

 private:
  void run_backward(Tape& tape, const Value& loss);
  void note_memory();

  std::unique_ptr<Module> model_;
  ModelState state_;
  Dropping dropping_;
  std::unique_ptr<LocalUpdate> optimiser_;
  Schedule schedule_;
  RandomState random_;
  float smoothing_;
  float clip_;
  std::int64_t steps_ = 0;
  StepMemory memory_;
};

/// The model that a configuration names, for images like these.
std::unique_ptr<Module> make_configured_model(const Config& config, const ImageSet& images);

/// The data set that a configuration names. Errors (ErrorKind::usage): one that this version does not read.
DataSet load_dataset(const Config& config);

}  // namespace stint
