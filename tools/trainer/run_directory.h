#pragma once

#include <stint/tools/config/config.h>
#include <stint/tools/trainer/checkpoint.h>
#include <stint/tools/trainer/metrics.h>

#include <filesystem>
#include <memory>

namespace stint {

/// DIR/NAME/ with args.yaml, model.yaml (where the model is a definition file: its text), run.json, summary.csv,
/// metrics.jsonl, a TensorBoard event file, checkpoints/, and at the end curves.svg and curves.png. Never overwritten:
/// an experiment whose directory exists already is an error (ErrorKind::usage), and without a name it is a time stamp
/// with a number if need be.
class RunDirectory {
 public:
  static RunDirectory create(const Config& config);
  /// Goes on, with this configuration from now on, in a directory that exists, or begins there if there is nothing yet,
  /// cutting its logs back to what the checkpoint at `step`, in `epoch`, has seen.
  static RunDirectory reopen(const Config& config, const std::filesystem::path& path, std::int64_t step,
                             std::int64_t epoch);

  const std::filesystem::path& path() const { return path_; }

  void append(const StepMetrics& metrics) { metrics_.add(metrics); }
  void append(const EpochSummary& summary, std::int64_t step);
  /// The logs first: what a checkpoint has seen is in them.
  void save(Training& training, const Progress& progress, bool best = false, const FilesBeside& beside = {});
  /// `running`, `finished`, `stopped` or `failed`, with the reason where there is one.
  void set_status(const std::string& status, const std::string& reason = "");

 private:
  RunDirectory(std::filesystem::path path, std::int64_t checkpoints, std::int64_t step, std::int64_t epoch)
      : path_(std::move(path)), checkpoints_(path_ / "checkpoints", checkpoints), metrics_(path_, step, epoch) {}

  std::filesystem::path path_;
  std::shared_ptr<const int> lock_;  // no other process trains here
  CheckpointStore checkpoints_;
  Metrics metrics_;
};

/// A run's copy of its model definition file, which may be edited after the run has begun; not there for a registered
/// model.
inline std::filesystem::path definition_of(const std::filesystem::path& run) {
  return run / "model.yaml";
}

/// A run goes on with the network that it began with. Errors (ErrorKind::usage): the configuration names a definition
/// file of another text than the run's copy.
void check_definition(const Config& config, const std::filesystem::path& run);

/// The checkpoints of a run directory.
inline std::filesystem::path checkpoints_of(const std::filesystem::path& run) {
  return run / "checkpoints";
}

/// The run directory that `--resume` means: a path to one (or to its checkpoint), or with `auto` the experiment's own
/// if it was begun, else the newest under the output directory that was stopped or left running with a checkpoint.
/// Empty: start anew.
std::filesystem::path run_to_resume(const Config& config);

/// args.yaml of the run that a path is, or lies in: a checkpoint, its weights. Empty: it belongs to no run.
std::filesystem::path arguments_of_run(const std::filesystem::path& inside);

}  // namespace stint
