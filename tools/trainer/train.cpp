#include <stint/tools/trainer/probe.h>
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
        train_(Loader::shuffled(data_.train, config.data.batch_size, static_cast<std::uint64_t>(config.seed))),
        test_(Loader::in_order(data_.test, config.data.batch_size)),
        training_(config, data_.train, train_.batches(), Device::parse(config.device)) {}

  TrainingOutcome go() {
    RunDirectory directory = open();
    try {
      TrainingOutcome outcome{directory.path(), 0, false};
      while (progress_.epoch < config_.optim.epochs && !outcome.stopped) {
        outcome.stopped = !epoch(directory);
      }
      if (outcome.stopped) {
        directory.set_status("stopped");
      } else {
        outcome.top1 = last_.top1;
        directory.set_status("finished");
      }
      return outcome;
    } catch (const std::exception& error) {
      directory.set_status("failed", error.what());
      throw;
    }
  }

 private:
  RunDirectory open() {
    fs::path earlier = run_to_resume(config_);
    std::string note;
    if (!earlier.empty()) note = load_checkpoint(earlier / "checkpoints/last", training_, progress_);
    if (progress_.epoch >= config_.optim.epochs && !earlier.empty()) last_ = training_.evaluate(test_);
    RunDirectory directory =
        earlier.empty() ? RunDirectory::create(config_) : RunDirectory::reopen(earlier, progress_.epoch);
    observer_.started(directory, training_, note);
    return directory;
  }

  /// False if it was stopped in the middle.
  bool epoch(RunDirectory& directory) {
    Clock clock;
    double before = progress_.epoch_seconds;
    while (progress_.batch < train_.batches()) {
      Batch batch = train_.batch(progress_.epoch, progress_.batch, training_.device());
      if (probe_due(config_, training_.steps())) write_probes(directory.path(), training_, batch);
      StepResult result = training_.step(batch);
      progress_.loss_sum += result.loss;
      progress_.epoch_seconds = before + clock.seconds();
      ++progress_.batch;
      auto images = static_cast<double>(progress_.batch * train_.batch_size());
      observer_.stepped({progress_.epoch, config_.optim.epochs, progress_.batch, train_.batches(),
                         progress_.loss_sum / static_cast<double>(progress_.batch), result.lr,
                         images / progress_.epoch_seconds, training_.memory().live, training_.memory().peak});
      bool due = config_.log.recovery_interval > 0 && training_.steps() % config_.log.recovery_interval == 0;
      if (stop_ != 0 || due) save_checkpoint(directory.checkpoint("last"), training_, progress_);
      if (stop_ != 0) return false;
    }
    finish_epoch(directory);
    return true;
  }

  void finish_epoch(RunDirectory& directory) {
    last_ = training_.evaluate(test_);
    EpochSummary summary{progress_.epoch,
                         progress_.loss_sum / static_cast<double>(train_.batches()),
                         last_,
                         training_.lr_of(training_.steps() - 1),
                         progress_.epoch_seconds,
                         training_.memory()};
    bool best = last_.top1 > progress_.best_top1;
    progress_ = {.epoch = progress_.epoch + 1, .best_top1 = std::max(progress_.best_top1, last_.top1)};
    directory.append(summary);
    save_checkpoint(directory.checkpoint("last"), training_, progress_);
    if (best) save_checkpoint(directory.checkpoint("best"), training_, progress_);
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
};

}  // namespace

TrainingOutcome train(const Config& config, TrainingObserver& observer, const std::atomic<int>& stop) {
  return Run(config, observer, stop).go();
}

}  // namespace stint
