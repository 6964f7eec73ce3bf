#pragma once

#include <stint/tools/trainer/checkpoint.h>
#include <stint/tools/trainer/run_directory.h>

#include <atomic>
#include <string>

namespace stint {

/// Where a run is, after every step.
struct TrainingMoment {
  std::int64_t epoch, epochs;
  std::int64_t step, steps;  ///< of the epoch; `step` are done
  double loss;               ///< mean over the epoch so far
  double lr;
  double images_per_second;              ///< over the epoch so far
  double data_wait = 0;                  ///< share of the epoch's time so far that steps waited for their batches
  std::int64_t skipped = 0;              ///< steps of this process, for a loss or gradient that was not finite
  PurposeBytes live = {}, peak = {};     ///< memory after the step, and at its largest moment so far
  std::optional<SyncMetrics> sync = {};  ///< of several workers, with what was waited in the epoch so far
  double sync_wait = 0;                  ///< that, as a share of the epoch's time so far
};

/// Told about the course of a run. Nothing in the trainer prints.
class TrainingObserver {
 public:
  virtual ~TrainingObserver() = default;
  /// `notes`: what a user should know of the data, of a resumption, of pretrained weights.
  virtual void started(const RunDirectory& run, Training& training, const std::vector<std::string>& notes) = 0;
  virtual void stepped(const TrainingMoment& moment) = 0;
  virtual void epoch_done(const EpochSummary& summary, std::int64_t epochs) = 0;
};

struct TrainingOutcome {
  std::filesystem::path run;
  double top1 = 0;              ///< of the last epoch, per cent
  bool stopped = false;         ///< by `stop`, after a checkpoint
  double emulated_seconds = 0;  ///< of rank 0 on the emulated network of `--net`; 0 without
  double emulated_waited = 0;   ///< of those, waiting for others and for the network
};

/// Trains as the configuration says, in a new run directory or, with `resume`, in that of an earlier one, whose further
/// bits are then those of an uninterrupted run. Once `stop` is not zero it saves after the current step and returns.
/// Errors: as its parts; the run's status is then `failed`.
TrainingOutcome train(const Config& config, TrainingObserver& observer, const std::atomic<int>& stop);

}  // namespace stint
