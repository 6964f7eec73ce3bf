#include <stint/tools/trainer/pretrained.h>
#include <stint/tools/trainer/probe.h>
#include <stint/tools/trainer/run_history.h>
#include <stint/tools/trainer/synchroniser.h>
#include <stint/tools/trainer/team.h>
#include <stint/tools/trainer/team_checkpoint.h>
#include <stint/tools/trainer/train.h>

#include <fmt/format.h>

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

/// The average over time is that of the workers' mean.
void check_average(const Config& config) {
  if (!config.optim.model_ema || !config.sync.algorithm.starts_with("easgd")) return;
  fail(ErrorKind::usage, "optim.model_ema",
       "averages what the workers' mean has been, and easgd's model is its centre: leave out --model-ema");
}

/// Whether a step's images are the same; where they lie and who loads them does not count.
bool same_batches(Config a, Config b) {
  for (Config* config : {&a, &b}) {
    config->data.dir.clear();
    config->data.loader_threads = 0;
  }
  return a.data == b.data && a.seed == b.seed && a.optim.grad_accum_steps == b.optim.grad_accum_steps;
}

/// One worker's run from here to its end, its stop or its failure. Rank 0 speaks, writes and evaluates for all.
class Run {
 public:
  Run(const Config& config, const DataSet& data, TrainingObserver& observer, const std::atomic<int>& stop,
      const Team& team)
      : config_(config),
        observer_(observer),
        stop_(stop),
        team_(team),
        notes_(data.notes),
        train_(data.train, worker_options(config, data.train, team)),
        test_(data.test, test_options(config)),
        whole_train_(data.train, test_options(config, false)),
        steps_of_epoch_(steps_of_epoch(config, train_)),
        training_(config, data.train, steps_of_epoch_, team.device) {
    if (!team.group) return;
    check_average(config);
    synchroniser_.emplace(config, *team.group, training_,
                          static_cast<double>(team.batch_size) / static_cast<double>(team.images));
    training_.set_synchroniser(&*synchroniser_);
    training_.random().next = static_cast<std::uint64_t>(team.rank()) << 40;  // every worker draws its own
    if (DropPolicy* dropping = training_.dropping().policy()) dropping->set_worker(team.rank());
  }

  TrainingOutcome go() {
    open();
    try {
      TrainingOutcome outcome;
      while (progress_.epoch < config_.optim.epochs && !outcome.stopped) outcome.stopped = !epoch();
      outcome.top1 = outcome.stopped ? 0 : last_.top1;
      if (team_.emulated) {
        outcome.emulated_seconds = progress_.emulated_seconds;
        outcome.emulated_waited = progress_.emulated_waited;
      }
      if (directory_) {
        draw_curves(directory_->path());
        outcome.run = directory_->path();
        directory_->set_status(outcome.stopped ? "stopped" : "finished");
      }
      return outcome;
    } catch (const std::exception& error) {
      note_failure(error.what());
      throw;
    }
  }

 private:
  void note_failure(const std::string& reason) {
    try {
      if (directory_) directory_->set_status("failed", reason);
    } catch (const Error&) {
      // a full disk, say: what went wrong first is what the user must hear of
    }
  }

  void open() {
    fs::path earlier = run_to_resume(config_);
    if (team_.group) team_.group->barrier();  // all have looked before rank 0 makes a new one
    if (earlier.empty()) {
      begin();
    } else {
      load(earlier);
    }
    if (synchroniser_) synchroniser_->check_drift(common_);
    if (progress_.epoch >= config_.optim.epochs) last_ = training_.evaluate(test_);
    set_emulated_clock();
    if (team_.rank() != 0) return;
    directory_ = earlier.empty() ? RunDirectory::create(config_)
                                 : RunDirectory::reopen(config_, earlier, training_.steps(), progress_.epoch);
    observer_.started(*directory_, training_, notes_);
  }

  void begin() {
    take_note(load_pretrained(config_, training_.state()));
    if (training_.ema()) training_.ema()->restart();
  }

  void load(const fs::path& run) {
    check_definition(config_, run);
    CheckpointStore checkpoints(checkpoints_of(run), config_.log.checkpoint_hist);
    if (checkpoints.empty()) return begin();
    std::string note;
    fs::path checkpoint = checkpoints.load_newest(training_, progress_, note);
    take_note(note);
    note_changes(run);
    check_algorithm(checkpoint, synchroniser_ ? synchroniser_->name() : "none");
    if (synchroniser_) {
      common_ = !load_worker(checkpoint, training_, *synchroniser_, progress_, config_.sync.world_change);
      synchroniser_->resumed();
    }
    training_.set_position(progress_.epoch * steps_of_epoch_ + progress_.step);
  }

  /// What the run is trained with from here on that it was not before.
  void note_changes(const fs::path& run) {
    Config before;
    read_yaml(before, (run / "args.yaml").string());
    if (progress_.step > 0 && !same_batches(before, config_)) {
      fail(ErrorKind::usage, "resume", "in the middle of an epoch its batches cannot change: {}",
           fmt::join(differences(before, config_), "; "));
    }
    std::vector<std::string> changes = differences(before, config_);
    if (!changes.empty()) take_note(fmt::format("changed on resumption: {}", fmt::join(changes, "; ")));
    if (progress_.epoch >= config_.optim.epochs) {
      take_note(fmt::format("the run is finished after {} epochs; a larger --epochs goes on", progress_.epoch));
    }
  }

  void take_note(const std::string& note) {
    if (!note.empty()) notes_.push_back(note);
  }

  StepResult step() {
    if (synchroniser_) synchroniser_->algorithm().set_watching(progress_.step + 1 == steps_of_epoch_);
    for (std::int64_t i = 0; i < training_.accumulations(); ++i) {
      std::int64_t index = progress_.step * training_.accumulations() + i;
      Batch batch = train_.batch(progress_.epoch, index, training_.device());
      if (i == 0 && directory_ && probe_due(config_, training_.steps())) {
        write_probes(directory_->path(), training_, batch);
      }
      note_kept(i);
      training_.accumulate(batch);
    }
    return training_.update();
  }

  /// What is kept is noted of the last batch of an epoch alone, since that waits for the device.
  void note_kept(std::int64_t batch_of_step) {
    DropPolicy* dropping = training_.dropping().policy();
    if (!dropping) return;
    bool last = progress_.step + 1 == steps_of_epoch_ && batch_of_step + 1 == training_.accumulations();
    dropping->set_recording(last && directory_ ? Recording::counts : Recording::off);
  }

  /// False if it was stopped in the middle.
  bool epoch() {
    Clock clock;
    double before = progress_.epoch_seconds, waited = train_.wait_seconds();
    while (progress_.step < steps_of_epoch_) {
      double started = clock.seconds(), wait = train_.wait_seconds(), others = dist::Work::waited_seconds();
      StepResult result = step();
      others = dist::Work::waited_seconds() - others;
      ++progress_.step;
      progress_.skipped += result.skipped;
      if (!result.skipped) progress_.loss_sum += result.loss;
      skipped_ += result.skipped;
      double now = clock.seconds();
      progress_.epoch_seconds = before + now;
      progress_.waited_seconds += others;
      if (directory_) {
        directory_->append({training_.steps(), progress_.epoch, result.loss, result.lr, now - started,
                            train_.wait_seconds() - wait, sync_metrics(others), training_.memory().live,
                            training_.memory().peak});
        tell(result, (train_.wait_seconds() - waited) / now);
      }
      bool due = config_.log.recovery_interval > 0 && training_.steps() % config_.log.recovery_interval == 0;
      bool last = progress_.step == steps_of_epoch_;  // which is saved after the evaluation
      bool stop = synchroniser_ ? synchroniser_->any(stop_ != 0) : stop_ != 0;
      if (stop || (due && !last)) save_now();
      if (stop) return false;
    }
    finish_epoch();
    return true;
  }

  /// Of the epoch's steps so far; NaN if all were skipped.
  double mean_loss() const { return progress_.loss_sum / static_cast<double>(progress_.step - progress_.skipped); }

  void tell(const StepResult& result, double data_wait) {
    auto images = static_cast<double>(progress_.step * training_.accumulations() * team_.images);
    observer_.stepped({progress_.epoch, config_.optim.epochs, progress_.step, steps_of_epoch_, mean_loss(), result.lr,
                       images / progress_.epoch_seconds, data_wait, skipped_, training_.memory().live,
                       training_.memory().peak, sync_metrics(progress_.waited_seconds),
                       progress_.waited_seconds / progress_.epoch_seconds});
  }

  std::optional<SyncMetrics> sync_metrics(double waited) {
    if (!synchroniser_) return {};
    return SyncMetrics{team_.group->traffic(), synchroniser_->algorithm().rounds(), waited};
  }

  void save_now() {
    if (!synchroniser_) return save();
    read_emulated_clock();
    synchroniser_->with_consensus([&] { save(); });
    set_emulated_clock();
  }

  /// Several workers: all call it; each adds its own files to the checkpoint that rank 0 makes.
  void save(bool best = false) {
    if (!synchroniser_) return directory_->save(training_, progress_, best);
    auto add_own = [&](const fs::path& aside) {
      save_worker(aside, training_, *synchroniser_);
      team_.group->barrier();
    };
    if (team_.rank() != 0) return add_own(synchroniser_->send_text(""));
    directory_->save(training_, progress_, best, [&](const fs::path& aside) {
      synchroniser_->send_text(aside.string());
      add_own(aside);
    });
  }

  void finish_epoch() {
    double lr = training_.lr_of(training_.steps() - 1);
    if (synchroniser_ && progress_.epoch + 1 == config_.optim.epochs) {
      Clock clock;
      double before = dist::Work::waited_seconds();
      synchroniser_->finish(training_.steps(), static_cast<float>(lr));
      progress_.epoch_seconds += clock.seconds();
      progress_.waited_seconds += dist::Work::waited_seconds() - before;
    }
    read_emulated_clock();
    double loss = mean_loss();
    if (synchroniser_) loss = synchroniser_->mean(loss);
    EpochSummary summary{.epoch = progress_.epoch,
                         .train_loss = loss,
                         .lr = lr,
                         .seconds = progress_.epoch_seconds,
                         .memory = training_.memory()};
    if (DropPolicy* dropping = training_.dropping().policy()) summary.dropped = dropping->records();
    if (!synchroniser_) return close_epoch(summary);
    summary.sync = sync_metrics(progress_.waited_seconds);
    synchroniser_->check_drift();
    synchroniser_->with_consensus([&] {
      summary.spread = synchroniser_->spread();
      summary.compression_error = synchroniser_->algorithm().compression_error();
      close_epoch(summary);
    });
    set_emulated_clock();
  }

  /// Before an evaluation or a checkpoint, which are not of the run.
  void read_emulated_clock() {
    if (!team_.emulated) return;
    progress_.emulated_seconds = team_.emulated->seconds();
    progress_.emulated_waited = team_.emulated->waited_seconds();
    team_.emulated->leave_run();
  }

  void set_emulated_clock() {
    if (team_.emulated) team_.emulated->set_clock(progress_.emulated_seconds, progress_.emulated_waited);
  }

  /// With the model that counts in place: that is the one to judge and to keep.
  void close_epoch(EpochSummary& summary) {
    if (team_.evaluates()) last_ = training_.evaluate(test_);
    summary.eval = last_;
    summary.note = bad_notes(train_, test_);
    if (team_.evaluates() && config_.log.eval_train) summary.on_train = training_.evaluate(whole_train_);
    summary.emulated_seconds = progress_.emulated_seconds;
    summary.emulated_waited = progress_.emulated_waited;
    bool best = last_.top1 > progress_.best_top1;
    progress_ = {.epoch = progress_.epoch + 1,
                 .best_top1 = std::max(progress_.best_top1, last_.top1),
                 .emulated_seconds = progress_.emulated_seconds,
                 .emulated_waited = progress_.emulated_waited};
    if (directory_) directory_->append(summary, training_.steps());
    save(best);
    if (directory_) observer_.epoch_done(summary, config_.optim.epochs);
  }

  const Config& config_;
  TrainingObserver& observer_;
  const std::atomic<int>& stop_;
  const Team& team_;
  std::vector<std::string> notes_;
  Loader train_;
  Loader test_;
  Loader whole_train_;  // in the manner of a test
  std::int64_t steps_of_epoch_;
  Training training_;
  std::optional<Synchroniser> synchroniser_;
  std::optional<RunDirectory> directory_;  // of rank 0
  Progress progress_;
  bool common_ = true;  // all workers begin with the same
  EvalResult last_;
  std::int64_t skipped_ = 0;
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
