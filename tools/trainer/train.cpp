#include <stint/tools/trainer/pretrained.h>
#include <stint/tools/trainer/synchroniser.h>
#include <stint/tools/trainer/team.h>
#include <stint/tools/trainer/team_checkpoint.h>
#include <stint/tools/trainer/train.h>

#include <chrono>
#include <optional>

namespace stint {

namespace fs = std::filesystem;

namespace {

class Clock {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// One worker's run from here to its end, its stop or its failure. Rank 0 speaks, writes and evaluates for all.
class Run {
 public:
  Run(const Config& config, const DataSet& data, TrainingObserver& observer, const std::atomic<int>& stop,
      const Team& team)
      : config_(config),
        observer_(observer),
        stop_(stop),
        team_(team),
        train_(worker_loader(config, data.train, team)),
        test_(Loader::in_order(data.test, config.data.batch_size)),
        training_(config, data.train, train_.batches(), team.device) {
    if (!team.group) return;
    synchroniser_.emplace(config, *team.group, training_,
                          static_cast<double>(team.batch_size) / static_cast<double>(team.images));
    training_.set_synchroniser(&*synchroniser_);
    training_.random().next = static_cast<std::uint64_t>(team.rank()) << 40;  // every worker draws its own
  }

  TrainingOutcome go() {
    open();
    try {
      TrainingOutcome outcome;
      while (progress_.epoch < config_.optim.epochs && !outcome.stopped) outcome.stopped = !epoch();
      outcome.top1 = outcome.stopped ? 0 : last_.top1;
      if (team_.emulated) {
        outcome.emulated_seconds = emulated_;
        outcome.emulated_waited = team_.emulated->waited_seconds();
      }
      if (directory_) {
        outcome.run = directory_->path();
        directory_->set_status(outcome.stopped ? "stopped" : "finished");
      }
      return outcome;
    } catch (const std::exception& error) {
      if (directory_) directory_->set_status("failed", error.what());
      throw;
    }
  }

 private:
  void open() {
    fs::path earlier = run_to_resume(config_);
    if (team_.group) team_.group->barrier();  // all have looked before rank 0 makes a new one
    std::string note = earlier.empty() ? load_pretrained(config_, training_.state()) : "";
    if (!earlier.empty()) {
      note = load_checkpoint(earlier / "checkpoints/last", training_, progress_);
      if (synchroniser_) {
        load_worker(earlier / "checkpoints/last", training_, *synchroniser_, config_.sync.world_change);
        synchroniser_->resumed();
      }
    }
    if (progress_.epoch >= config_.optim.epochs && !earlier.empty()) last_ = training_.evaluate(test_);
    if (team_.rank() != 0) return;
    directory_ = earlier.empty() ? RunDirectory::create(config_) : RunDirectory::reopen(earlier, progress_.epoch);
    observer_.started(*directory_, training_, note);
  }

  /// False if it was stopped in the middle.
  bool epoch() {
    Clock clock;
    double before = progress_.epoch_seconds;
    while (progress_.batch < train_.batches()) {
      if (synchroniser_) synchroniser_->algorithm().set_watching(progress_.batch + 1 == train_.batches());
      StepResult result = training_.step(train_.batch(progress_.epoch, progress_.batch, training_.device()));
      progress_.loss_sum += result.loss;
      progress_.epoch_seconds = before + clock.seconds();
      ++progress_.batch;
      auto images = static_cast<double>(progress_.batch * team_.images);
      if (team_.rank() == 0) {
        observer_.stepped({progress_.epoch, config_.optim.epochs, progress_.batch, train_.batches(),
                           progress_.loss_sum / static_cast<double>(progress_.batch), result.lr,
                           images / progress_.epoch_seconds});
      }
      bool due = config_.log.recovery_interval > 0 && training_.steps() % config_.log.recovery_interval == 0;
      bool stop = synchroniser_ ? synchroniser_->any(stop_ != 0) : stop_ != 0;
      if ((stop || due) && synchroniser_) {
        synchroniser_->with_consensus([&] { save("last"); });
      } else if (stop || due) {
        save("last");
      }
      if (stop) return false;
    }
    finish_epoch();
    return true;
  }

  /// Several workers: all call it; each adds its own files to the checkpoint that rank 0 makes.
  void save(const std::string& name) {
    if (!synchroniser_) return save_checkpoint(directory_->checkpoint(name), training_, progress_);
    if (team_.rank() == 0) {
      save_checkpoint(directory_->checkpoint(name), training_, progress_, [&](const fs::path& aside) {
        synchroniser_->send_text(aside.string());
        save_worker(aside, training_, *synchroniser_);
        team_.group->barrier();
      });
    } else {
      save_worker(synchroniser_->send_text(""), training_, *synchroniser_);
      team_.group->barrier();
    }
  }

  void finish_epoch() {
    double lr = training_.lr_of(training_.steps() - 1);
    if (synchroniser_ && progress_.epoch + 1 == config_.optim.epochs) {
      synchroniser_->finish(training_.steps(), static_cast<float>(lr));
    }
    if (team_.emulated) emulated_ = team_.emulated->seconds();  // evaluation is not of the run
    double loss = progress_.loss_sum / static_cast<double>(train_.batches());
    if (synchroniser_) loss = synchroniser_->mean(loss);
    EpochSummary summary{progress_.epoch, loss, {}, lr, progress_.epoch_seconds, training_.memory()};
    if (synchroniser_) {
      summary.traffic = team_.group->traffic();
      summary.waited_seconds = dist::Work::waited_seconds();
      summary.sync_rounds = synchroniser_->algorithm().rounds();
      synchroniser_->check_drift();
      synchroniser_->with_consensus([&] {
        summary.spread = synchroniser_->spread();
        summary.compression_error = synchroniser_->algorithm().compression_error();
        close_epoch(summary);
      });
      if (team_.emulated) team_.emulated->rewind_to(emulated_);
    } else {
      close_epoch(summary);
    }
  }

  /// With the model that counts in place: that is the one to judge and to keep.
  void close_epoch(EpochSummary& summary) {
    if (team_.evaluates()) last_ = training_.evaluate(test_);
    summary.eval = last_;
    bool best = last_.top1 > progress_.best_top1;
    progress_ = {.epoch = progress_.epoch + 1, .best_top1 = std::max(progress_.best_top1, last_.top1)};
    if (directory_) directory_->append(summary);
    save("last");
    if (best && directory_) save_checkpoint(directory_->checkpoint("best"), training_, progress_);
    if (directory_) observer_.epoch_done(summary, config_.optim.epochs);
  }

  const Config& config_;
  TrainingObserver& observer_;
  const std::atomic<int>& stop_;
  const Team& team_;
  Loader train_;
  Loader test_;
  Training training_;
  std::optional<Synchroniser> synchroniser_;
  std::optional<RunDirectory> directory_;  // of rank 0
  Progress progress_;
  EvalResult last_;
  double emulated_ = 0;
};

}  // namespace

TrainingOutcome train(const Config& config, TrainingObserver& observer, const std::atomic<int>& stop) {
  DataSet data = load_dataset(config);
  TrainingOutcome outcome;
  run_team(config, [&](const Team& team) {
    TrainingOutcome mine = Run(config, data, observer, stop, team).go();
    if (team.rank() == 0) outcome = mine;
  });
  return outcome;
}

}  // namespace stint
