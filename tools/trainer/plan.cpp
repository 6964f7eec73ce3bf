#include <stint/tools/trainer/plan.h>
#include <stint/tools/trainer/probe.h>

namespace stint {

namespace {

/// Images of the right shape; on the null device nobody reads them.
ImageSet without_pixels(const ImageSet& images, std::int64_t count) {
  ImageSet set = empty_like(images);
  set.files.reset();
  set.labels.assign(count, 0);
  return set;
}

/// Puts into the plan what a batch holds where backward begins, if that is more than what is there.
void note_held(Training& training, const Batch& batch, std::int64_t epoch, StepPlan& plan, std::size_t& most) {
  Tape tape(Tape::Mode::training, training.dropping().policy_of(epoch));
  RandomState random;
  tape.random = &random;
  Value loss = training.loss(tape, batch);
  tape.settle();
  if (tape.saved_bytes() <= most) return;
  most = tape.saved_bytes();
  plan.ledger = tape.ledger();
  plan.applications = tape.applications();
}

}  // namespace

StepPlan plan_step(const Config& config, const ImageSet& images) {
  ImageSet set = without_pixels(images, config.data.batch_size);
  Config alone = config;
  alone.sync.workers = 1;
  LoaderOptions options = training_options(alone, set);
  options.threads = 0;
  Loader loader(set, options);
  Training training(config, set, 1, Device::null());
  StepPlan plan;
  plan.parameters = training.state().parameter_table().dimension();
  auto step = [&](std::int64_t index) {
    Batch batch = loader.batch(0, index % loader.batches(), Device::null());
    if (config.memory.probe_every > 0) probe(training, batch);
    double before = work_done().flops;
    training.step(batch);
    plan.flops = work_done().flops - before;
  };
  step(0);
  std::vector<std::int64_t> epochs = training.dropping().epochs(config.optim.epochs);
  for (std::int64_t epoch : epochs) {  // not the first step: in a run, nothing depends on being that
    training.set_steps(epoch);
    step(1);
  }
  plan.memory = training.memory();
  std::size_t most = 0;
  for (std::int64_t epoch : epochs) note_held(training, loader.batch(0, 0, Device::null()), epoch, plan, most);
  return plan;
}

}  // namespace stint
