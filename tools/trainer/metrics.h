#pragma once

#include <stint/dist/traffic.h>
#include <stint/tools/trainer/event_file.h>
#include <stint/tools/trainer/training.h>

#include <filesystem>
#include <memory>
#include <optional>

namespace stint {

/// What a worker of several has to do with the others.
struct SyncMetrics {
  dist::Traffic traffic = {};  ///< payload of this rank since the start of the run
  std::int64_t rounds = 0;     ///< times that the workers have met
  double waited_seconds = 0;   ///< of the seconds of the step or epoch: the exposed part of communication
};

/// What is recorded of a step.
struct StepMetrics {
  std::int64_t step = 0;  ///< steps done, this one included
  std::int64_t epoch = 0;
  double loss = 0;
  double lr = 0;
  double seconds = 0;       ///< of the whole step
  double data_seconds = 0;  ///< of those, waiting for its batch
  std::optional<SyncMetrics> sync = {};
  PurposeBytes live = {}, peak = {};  ///< memory after the step, and at its largest moment so far
};

/// One line of summary.csv, and one of metrics.jsonl.
struct EpochSummary {
  std::int64_t epoch = 0;
  double train_loss = 0;
  EvalResult eval;
  double lr = 0;
  double seconds = 0;  ///< of training, without evaluation
  StepMemory memory;
  std::string note = {};  ///< for the user: what was skipped so far, a line for each part of the data
  std::optional<SyncMetrics> sync = {};
  double compression_error = 0;  ///< |v - C[v]| / |v| of the epoch's last step; 0 without compression
  double spread = 0;             ///< root mean square over the workers of |x_i - x| / |x|, x the model that counts
  EvalResult on_train = {};      ///< with `log.eval_train`: of the training data
  double emulated_seconds = 0;   ///< since the start of the run, on the emulated network of `--net`
  double emulated_waited = 0;    ///< of those, for others and for the network
  std::vector<DropRecord> dropped = {};  ///< of the epoch's last batch, a record a tensor of which elements are dropped
};

/// The course of a run as it is kept in its directory: metrics.jsonl, a line a step and a line an epoch, and the same
/// as a TensorBoard event file. Every line has `live_bytes` and `peak_bytes`, in total and by purpose; an epoch's has
/// in `dropped` what its last batch kept, tensor by tensor. Lines are written when there are a few, or a second has
/// passed.
class Metrics {
 public:
  /// Goes on in `directory` after cutting metrics.jsonl back to steps up to `step` and epochs before `epoch`; the event
  /// file is made again from what is left.
  Metrics(const std::filesystem::path& directory, std::int64_t step, std::int64_t epoch);

  void add(const StepMetrics& metrics);
  void add(const EpochSummary& summary, std::int64_t step);
  /// Hands everything to the operating system: a kill of the process loses nothing any more.
  void flush();

 private:
  std::filesystem::path path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  EventFile events_;
  double flushed_ = 0;
};

}  // namespace stint
