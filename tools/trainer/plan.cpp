#include <stint/tools/trainer/plan.h>

namespace stint {

namespace {

/// Images of the right shape; on the null device nobody reads them.
ImageSet without_pixels(const ImageSet& images, std::int64_t count) {
  ImageSet set = empty_like(images);
  set.files.reset();
  set.labels.assign(count, 0);
  return set;
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
  Dropping& dropping = training.dropping();
  double before = work_done().flops;
  training.step(loader.batch(0, 0, Device::null()));
  plan.flops = work_done().flops - before;
  for (std::int64_t epoch : dropping.epochs()) {  // not the first step: in a run, nothing depends on being that
    training.set_steps(epoch);
    training.step(loader.batch(0, 1 % loader.batches(), Device::null()));
  }
  plan.memory = training.memory();
  {
    Batch batch = loader.batch(0, 0, Device::null());
    Tape tape(Tape::Mode::training, dropping.policy_of(dropping.fullest_epoch()));
    RandomState random;
    tape.random = &random;
    Value loss = training.loss(tape, batch);
    tape.settle();
    plan.ledger = tape.ledger();
    plan.applications = tape.applications();
  }
  return plan;
}

}  // namespace stint
