#include <stint/kernels/add/add.h>
#include <stint/kernels/cast/cast.h>
#include <stint/kernels/kept_weights.h>
#include <stint/kernels/softmax_cross_entropy/softmax_cross_entropy.h>
#include <stint/kernels/vector/vector.h>
#include <stint/layers/optimiser.h>
#include <stint/models/model.h>
#include <stint/tools/trainer/memory_text.h>
#include <stint/tools/trainer/nan_report.h>
#include <stint/tools/trainer/synchroniser.h>
#include <stint/tools/trainer/training.h>

#include <charconv>
#include <cmath>

namespace stint {

namespace {

/// Biases, and the scales and shifts of normalisations: every parameter of one dimension.
void exclude_from_decay(Module& model) {
  model.visit([](Module& module) {
    for (auto& parameter : module.parameters()) {
      if (parameter->shape.rank() <= 1) parameter->decay = false;
    }
  });
}

/// `prefix` is a name or whole parts at its beginning: `fc`, `layer4.0`. Of several that fit, the last in order counts.
void scale_learning_rate(Module& model, const std::string& prefix, const std::string& factor) {
  float scale = 0;
  auto [after, error] = std::from_chars(factor.data(), factor.data() + factor.size(), scale);
  if (error != std::errc{} || after != factor.data() + factor.size() || !(scale >= 0 && scale <= 1e6f)) {
    fail(ErrorKind::usage, "optim.lr_scale", "{} is '{}', expected a factor from 0 to 1e6", prefix, factor);
  }
  bool found = false;
  model.name_tree();
  model.visit([&](Module& module) {
    for (auto& parameter : module.parameters()) {
      const std::string& name = parameter->leaf.name;
      if (name != prefix && !name.starts_with(prefix + ".")) continue;
      parameter->lr_scale = scale;
      found = true;
    }
  });
  if (!found) fail(ErrorKind::usage, "optim.lr_scale", "the model has no weights that begin with '{}'", prefix);
}

std::unique_ptr<LocalUpdate> make_optimiser(const Config& config, const ModelState& state) {
  const auto& o = config.optim;
  auto decay = static_cast<float>(o.weight_decay);
  if (o.opt == "adamw") {
    return std::make_unique<AdamWOptimiser>(state, AdamW{.beta1 = static_cast<float>(o.beta1),
                                                         .beta2 = static_cast<float>(o.beta2),
                                                         .eps = static_cast<float>(o.opt_eps),
                                                         .weight_decay = decay});
  }
  return std::make_unique<SgdOptimiser>(
      state, Sgd{.momentum = static_cast<float>(o.momentum), .weight_decay = decay, .nesterov = o.nesterov});
}

Schedule make_schedule(const Config& config, std::int64_t steps_per_epoch) {
  const auto& o = config.optim;
  Schedule schedule{.lr = o.lr,
                    .total_steps = o.epochs * steps_per_epoch,
                    .warmup_steps = o.warmup_epochs * steps_per_epoch,
                    .warmup_lr = o.warmup_lr,
                    .min_lr = o.min_lr,
                    .decay_steps = o.decay_epochs * steps_per_epoch,
                    .decay_rate = o.decay_rate};
  if (o.sched == "cosine") schedule.kind = Schedule::Kind::cosine;
  if (o.sched == "step") schedule.kind = Schedule::Kind::step;
  return schedule;
}

/// How many rows have their label among the `k` largest logits. Ties count for the lower class, NaN for any other.
std::int64_t hits(const Tensor& logits, const Tensor& labels, int k) {
  std::int64_t classes = logits.shape()[1], found = 0;
  for (std::int64_t n = 0; n < logits.shape()[0]; ++n) {
    const float* row = logits.data<float>() + n * classes;
    std::int32_t label = labels.data<std::int32_t>()[n];
    int above = 0;
    for (std::int64_t c = 0; c < classes; ++c) above += !(row[c] < row[label] || (row[c] == row[label] && c >= label));
    found += above < k && !std::isnan(row[label]);
  }
  return found;
}

Tensor to_cpu_floats(const Tensor& tensor) {
  Tensor here = tensor.copy_to(Device::cpu());
  if (here.dtype() == DType::f32) return here;
  Tensor floats(here.shape(), DType::f32);
  add_to(here, floats, false);
  return floats;
}

}  // namespace

Training::Training(const Config& config, const ImageSet& images, std::int64_t steps_per_epoch, Device device)
    : model_(make_configured_model(config, images)),
      input_(recipe_of(config, images)),
      state_(*model_, device, config.amp == "bf16" ? DType::bf16 : DType::f32, static_cast<std::uint64_t>(config.seed)),
      dropping_(config, *model_, steps_per_epoch),
      optimiser_(make_optimiser(config, state_)),
      schedule_(make_schedule(config, steps_per_epoch)),
      random_{static_cast<std::uint64_t>(config.seed), 0},
      smoothing_(static_cast<float>(config.optim.smoothing)),
      clip_(static_cast<float>(config.optim.clip_grad)),
      skip_nan_(config.optim.on_nan == "skip"),
      keep_weights_(config.memory.budget.empty()),
      accumulations_(config.optim.grad_accum_steps) {
  if (config.optim.model_ema) ema_.emplace(state_, config.optim.model_ema_decay);
  if (skip_nan_) buffers_before_ = state_.buffers().copy_to(device);
}

Value Training::loss(Tape& tape, const Batch& batch, Value* logits) {
  Value x = tape.constant(batch.images);
  if (state_.compute() != DType::f32) x = tape.apply(Cast{state_.compute()}, x);
  x = (*model_)(tape, x);
  if (logits) *logits = x;
  SoftmaxCrossEntropy loss{tape.training() ? smoothing_ : 0, batch.other_labels ? batch.weight : 1};
  Value first = tape.apply(loss, x, tape.constant(batch.labels));
  if (!batch.other_labels) return first;
  loss.weight = 1 - batch.weight;
  return tape.apply(Add{}, first, tape.apply(loss, x, tape.constant(batch.other_labels)));
}

void Training::accumulate(const Batch& batch) {
  if (accumulated_ == 0) {
    allocator_of(device()).reset_peak();
    state_.forget_gradients();
    loss_sum_ = 0;
    if (skip_nan_) buffers_before_.copy_from(state_.buffers());
  }
  RandomState random = random_;
  Tape tape(Tape::Mode::training, dropping_.policy_of(steps_, accumulated_));
  tape.random = &random_;
  try {
    loss_sum_ += forward_and_backward(tape, batch, random);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::memory) fail_for_memory(error, tape.ledger(), dropping_.policy() != nullptr);
    throw;
  }
  ++accumulated_;
}

double Training::forward_and_backward(Tape& tape, const Batch& batch, const RandomState& random) {
  Value value = loss(tape, batch);
  double result = scalar_of(value.tensor());
  if (!std::isfinite(result) && !skip_nan_) explain_nan(*this, result, batch, random);
  bool early = clip_ == 0 && accumulations_ == 1 && !skip_nan_;  // otherwise no gradient is final before all are
  if (synchroniser_ && early) {
    auto lr = static_cast<float>(lr_of(steps_));
    tape.on_gradient_ready([this, lr](Leaf& leaf) { synchroniser_->gradient_ready(leaf, steps_, lr); });
  }
  run_backward(tape, value);
  return result;
}

StepResult Training::update() {
  auto count = static_cast<double>(std::exchange(accumulated_, 0));
  StepResult result{.loss = loss_sum_ / count, .lr = lr_of(steps_)};
  state_.complete_gradients();
  if (count > 1) scale(static_cast<float>(1 / count), state_.gradients());
  if (clip_ > 0) clip_norm(state_.gradients(), clip_);
  result.skipped = skip_nan_ && !(std::isfinite(result.loss) && std::isfinite(squared_norm(state_.gradients())));
  if (skip_nan_ && synchroniser_) result.skipped = any_now(synchroniser_->group(), result.skipped);
  if (result.skipped) {
    state_.buffers().copy_from(buffers_before_);
  } else if (synchroniser_) {
    synchroniser_->step(steps_, static_cast<float>(result.lr));
  } else {
    optimiser_->apply(state_.parameters(), state_.gradients(), static_cast<float>(result.lr));
  }
  if (ema_ && !result.skipped) ema_->update();
  ++steps_;
  note_memory();
  return result;
}

StepResult Training::step(const Batch& batch) {
  ProfileRange range("step");
  for (std::int64_t i = 0; i < accumulations_; ++i) accumulate(batch);
  return update();
}

void Training::set_position(std::int64_t position) {
  earlier_ = steps_ - position;
  dropping_.set_earlier(earlier_);
}

void Training::run_backward(Tape& tape, const Value& loss) {
  tape.settle();
  memory_.saved_activations = std::max(memory_.saved_activations, tape.saved_bytes());
  tape.backward(loss);
}

void Training::note_memory() {
  MemoryStats stats = allocator_of(device()).stats();
  if (stats.peak.total() > memory_.peak.total()) memory_.peak = stats.peak;
  memory_.live = stats.requested;
  memory_.peak_reserved = std::max(memory_.peak_reserved, stats.peak_reserved);
}

EvalResult Training::evaluate(Loader& loader) {
  ProfileRange range("evaluate");
  EmaScope averaged(ema());
  std::optional<KeptWeights> unchanged;
  if (keep_weights_) unchanged.emplace();
  double loss_sum = 0;
  std::int64_t seen = 0, first = 0, five = 0;
  for (std::int64_t i = 0; i < loader.batches(); ++i) {
    Batch batch = loader.batch(0, i, device());
    if (batch.count() == 0) continue;
    Tape tape(Tape::Mode::inference);
    Value logits;
    loss_sum += scalar_of(loss(tape, batch, &logits).tensor()) * static_cast<double>(batch.count());
    Tensor rows = to_cpu_floats(logits.tensor()), labels = batch.labels.copy_to(Device::cpu());
    seen += batch.count();
    first += hits(rows, labels, 1);
    five += hits(rows, labels, 5);
  }
  if (seen == 0) fail(ErrorKind::data, "evaluate", "no image can be decoded");
  auto count = static_cast<double>(seen);
  return {loss_sum / count, 100 * static_cast<double>(first) / count, 100 * static_cast<double>(five) / count, seen};
}

std::unique_ptr<Module> make_configured_model(const Config& config, const ImageSet& images) {
  std::int64_t classes = config.data.num_classes > 0 ? config.data.num_classes : images.classes;
  if (classes < images.classes) {
    fail(ErrorKind::usage, "data.num_classes", "expected at least the data set's {} classes, got {}", images.classes,
         classes);
  }
  std::int64_t size = config.data.image_size > 0 ? config.data.image_size : images.height;
  auto model = make_model({config.model.source(), config.model.kwargs, images.channels, size, classes});
  if (config.optim.decay_exclude == "norm-bias") exclude_from_decay(*model);
  for (const auto& [prefix, factor] : config.optim.lr_scale) scale_learning_rate(*model, prefix, factor);
  return model;
}

}  // namespace stint
