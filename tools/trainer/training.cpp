#include <stint/kernels/cast/cast.h>
#include <stint/kernels/softmax_cross_entropy/softmax_cross_entropy.h>
#include <stint/kernels/vector/vector.h>
#include <stint/layers/optimiser.h>
#include <stint/models/model.h>
#include <stint/tools/data/digits.h>
#include <stint/tools/data/synthetic.h>
#include <stint/tools/trainer/memory_text.h>
#include <stint/tools/trainer/training.h>

#include <cmath>

namespace stint {

namespace {

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

/// How many rows have their label among the `k` largest logits (ties count for the lower class).
std::int64_t hits(const Tensor& logits, const Tensor& labels, int k) {
  std::int64_t classes = logits.shape()[1], found = 0;
  for (std::int64_t n = 0; n < logits.shape()[0]; ++n) {
    const float* row = logits.data<float>() + n * classes;
    std::int32_t label = labels.data<std::int32_t>()[n];
    int above = 0;
    for (std::int64_t c = 0; c < classes; ++c) above += row[c] > row[label] || (row[c] == row[label] && c < label);
    found += above < k;
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
      state_(*model_, device, config.amp == "bf16" ? DType::bf16 : DType::f32, static_cast<std::uint64_t>(config.seed)),
      dropping_(config, *model_, steps_per_epoch),
      optimiser_(make_optimiser(config, state_)),
      schedule_(make_schedule(config, steps_per_epoch)),
      random_{static_cast<std::uint64_t>(config.seed), 0},
      smoothing_(static_cast<float>(config.optim.smoothing)),
      clip_(static_cast<float>(config.optim.clip_grad)) {}

Value Training::loss(Tape& tape, const Batch& batch, Value* logits) {
  Value x = tape.constant(batch.images);
  if (state_.compute() != DType::f32) x = tape.apply(Cast{state_.compute()}, x);
  x = (*model_)(tape, x);
  if (logits) *logits = x;
  return tape.apply(SoftmaxCrossEntropy{tape.training() ? smoothing_ : 0}, x, tape.constant(batch.labels));
}

StepResult Training::step(const Batch& batch) {
  ProfileRange range("step");
  allocator_of(device()).reset_peak();
  StepResult result{.loss = 0, .lr = schedule_.at(steps_), .gradient_norm = 0};
  {
    Tape tape(Tape::Mode::training, dropping_.policy_of(steps_));
    tape.random = &random_;
    try {
      Value value = loss(tape, batch);
      result.loss = scalar_of(value.tensor());
      if (!std::isfinite(result.loss)) {
        fail(ErrorKind::diverged, "train", "the loss is {} at step {}: a lower --lr or --clip-grad may help",
             std::isnan(result.loss) ? "not a number" : "infinite", steps_);
      }
      run_backward(tape, value);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::memory) fail_for_memory(error, tape.ledger());
      throw;
    }
  }
  state_.complete_gradients();
  if (clip_ > 0) result.gradient_norm = clip_norm(state_.gradients(), clip_);
  optimiser_->apply(state_.parameters(), state_.gradients(), static_cast<float>(result.lr));
  ++steps_;
  note_memory();
  return result;
}

void Training::run_backward(Tape& tape, const Value& loss) {
  tape.settle();
  std::size_t saved = allocator_of(device()).stats().requested[Purpose::saved];
  memory_.saved_activations = std::max(memory_.saved_activations, saved);
  state_.forget_gradients();
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
  double loss_sum = 0;
  std::int64_t seen = 0, first = 0, five = 0;
  for (std::int64_t i = 0; i < loader.batches(); ++i) {
    Batch batch = loader.batch(0, i, device());
    Tape tape(Tape::Mode::inference);
    Value logits;
    loss_sum += scalar_of(loss(tape, batch, &logits).tensor()) * static_cast<double>(batch.count());
    Tensor rows = to_cpu_floats(logits.tensor()), labels = batch.labels.copy_to(Device::cpu());
    seen += batch.count();
    first += hits(rows, labels, 1);
    five += hits(rows, labels, 5);
  }
  auto count = static_cast<double>(std::max<std::int64_t>(seen, 1));
  return {loss_sum / count, 100 * static_cast<double>(first) / count, 100 * static_cast<double>(five) / count};
}

std::unique_ptr<Module> make_configured_model(const Config& config, const ImageSet& images) {
  std::int64_t classes = config.data.num_classes > 0 ? config.data.num_classes : images.classes;
  if (classes < images.classes) {
    fail(ErrorKind::usage, "data.num_classes", "expected at least the data set's {} classes, got {}", images.classes,
         classes);
  }
  return make_model({config.model.name, config.model.kwargs, images.channels, images.height, classes});
}

DataSet load_dataset(const Config& config) {
  const auto& d = config.data;
  if (d.dataset == "digits") {
    if (d.image_size != 0 && d.image_size != 8) {
      fail(ErrorKind::usage, "data.image_size", "the digits are 8x8, got {}", d.image_size);
    }
    return load_digits();
  }
  if (d.dataset == "synthetic") {
    auto or_else = [](std::int64_t value, std::int64_t fallback) { return value > 0 ? value : fallback; };
    std::int64_t samples = or_else(d.samples, 8 * d.batch_size + 8);
    return make_synthetic(samples, or_else(d.image_size, 32), or_else(d.channels, 3), or_else(d.num_classes, 10),
                          static_cast<std::uint64_t>(config.seed));
  }
  fail(ErrorKind::usage, "data.dataset", "this version reads digits and synthetic, not yet '{}'", d.dataset);
}

}  // namespace stint
