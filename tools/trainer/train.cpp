#include <stint/tools/trainer/run_history.h>
#include <stint/tools/trainer/train.h>

#include <chrono>

namespace stint {

namespace fs = std::filesystem;

namespace {

class Clock {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// One run from here to its end, its stop or its failure.
class Run {
 public:
  Run(const Config& config, TrainingObserver& observer, const std::atomic<int>& stop)
      : config_(config),
        observer_(observer),
        stop_(stop),
        data_(load_dataset(config)),
        train_(data_.train, training_options(config, data_.train)),
        test_(data_.test, test_options(config)),
        training_(config, data_.train, train_.batches() / config.optim.grad_accum_steps, Device::parse(config.device)) {
    if (config.sync.workers > 1) {
      fail(ErrorKind::usage, "sync.workers", "this version trains with one worker; plan prints the shards of {}",
           config.sync.workers);
    }
    if (steps_of_epoch() < 1) {
      fail(ErrorKind::usage, "optim.grad_accum_steps", "an epoch has {} batches, fewer than the {} of a step",
           train_.batches(), training_.accumulations());
    }
  }

  TrainingOutcome go() {
    RunDirectory directory = open();
    try {
      TrainingOutcome outcome{directory.path(), 0, false};
      while (progress_.epoch < config_.optim.epochs && !outcome.stopped) {
        outcome.stopped = !epoch(directory);
      }
      draw_curves(directory.path());
      if (outcome.stopped) {
        directory.set_status("stopped");
      } else {
        outcome.top1 = last_.top1;
        directory.set_status("finished");
      }
      return outcome;
    } catch (const std::exception& error) {
      try {
        directory.set_status("failed", error.what());
      } catch (const Error&) {
        // a full disk, say: what went wrong first is what the user must hear of
      }
      throw;
    }
  }

 private:
  RunDirectory open() {
    fs::path earlier = run_to_resume(config_);
    if (earlier.empty()) {
      RunDirectory directory = RunDirectory::create(config_);
      observer_.started(directory, training_, data_.notes);
      return directory;
    }
    std::string note;
    CheckpointStore checkpoints(checkpoints_of(earlier), config_.log.checkpoint_hist);
    if (!checkpoints.empty()) checkpoints.load_newest(training_, progress_, note);
    if (progress_.epoch >= config_.optim.epochs) last_ = training_.evaluate(test_);
    RunDirectory directory = RunDirectory::reopen(config_, earlier, training_.steps(), progress_.epoch);
    if (!note.empty()) data_.notes.push_back(note);
    observer_.started(directory, training_, data_.notes);
    return directory;
  }

  std::int64_t steps_of_epoch() const { return train_.batches() / training_.accumulations(); }

  StepResult step() {
    for (std::int64_t i = 0; i < training_.accumulations(); ++i) {
      std::int64_t index = progress_.step * training_.accumulations() + i;
      training_.accumulate(train_.batch(progress_.epoch, index, training_.device()));
    }
    return training_.update();
  }

  /// False if it was stopped in the middle.
  bool epoch(RunDirectory& directory) {
    Clock clock;
    double before = progress_.epoch_seconds, waited = train_.wait_seconds();
    while (progress_.step < steps_of_epoch()) {
      double started = clock.seconds(), wait = train_.wait_seconds();
      StepResult result = step();
      ++progress_.step;
      if (!result.skipped) progress_.loss_sum += result.loss;
      skipped_ += result.skipped;
      double now = clock.seconds();
      progress_.epoch_seconds = before + now;
      directory.append(
          {training_.steps(), progress_.epoch, result.loss, result.lr, now - started, train_.wait_seconds() - wait});
      auto images = static_cast<double>(progress_.step * training_.accumulations() * train_.batch_size());
      observer_.stepped({progress_.epoch, config_.optim.epochs, progress_.step, steps_of_epoch(),
                         progress_.loss_sum / static_cast<double>(progress_.step), result.lr,
                         images / progress_.epoch_seconds, (train_.wait_seconds() - waited) / now, skipped_});
      bool due = config_.log.recovery_interval > 0 && training_.steps() % config_.log.recovery_interval == 0;
      bool last = progress_.step == steps_of_epoch();  // which is saved after the evaluation
      if (stop_ != 0 || (due && !last)) directory.save(training_, progress_);
      if (stop_ != 0) return false;
    }
    finish_epoch(directory);
    return true;
  }

  void finish_epoch(RunDirectory& directory) {
    last_ = training_.evaluate(test_);
    EpochSummary summary{progress_.epoch,
                         progress_.loss_sum / static_cast<double>(steps_of_epoch()),
                         last_,
                         training_.lr_of(training_.steps() - 1),
                         progress_.epoch_seconds,
                         training_.memory(),
                         train_.bad_note()};
    bool best = last_.top1 > progress_.best_top1;
    progress_ = {.epoch = progress_.epoch + 1, .best_top1 = std::max(progress_.best_top1, last_.top1)};
    directory.append(summary, training_.steps());
    directory.save(training_, progress_, best);
    observer_.epoch_done(summary, config_.optim.epochs);
  }

  const Config& config_;
  TrainingObserver& observer_;
  const std::atomic<int>& stop_;
  DataSet data_;
  Loader train_;
  Loader test_;
  Training training_;
  Progress progress_;
  EvalResult last_;
  std::int64_t skipped_ = 0;
};

}  // namespace

TrainingOutcome train(const Config& config, TrainingObserver& observer, const std::atomic<int>& stop) {
  return Run(config, observer, stop).go();
}

}  // namespace stint
