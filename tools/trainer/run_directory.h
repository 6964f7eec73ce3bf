#pragma once

#include <stint/dist/traffic.h>
#include <stint/tools/config/config.h>
#include <stint/tools/trainer/training.h>

#include <cstdio>
#include <filesystem>

namespace stint {

/// One line of summary.csv.
struct EpochSummary {
  std::int64_t epoch = 0;
  double train_loss = 0;
  EvalResult eval;
  double lr = 0;
  double seconds = 0;  ///< of training, without evaluation
  StepMemory memory;
  dist::Traffic traffic;         ///< payload of this rank since the start of the run
  std::int64_t sync_rounds = 0;  ///< times that the workers have met
  double waited_seconds = 0;     ///< for other workers
  double compression_error = 0;  ///< |v - C[v]| / |v| of the epoch's last step; 0 without compression
  double spread = 0;             ///< root mean square over the workers of |x_i - x| / |x|, x the model that counts
};

/// DIR/NAME/ with args.yaml, run.json, summary.csv and checkpoints/. Never overwritten: an experiment whose directory
/// exists already is an error (ErrorKind::usage), and without a name it is a time stamp with a number if need be.
class RunDirectory {
 public:
  static RunDirectory create(const Config& config);
  /// Goes on in a directory that exists, cutting summary.csv back to the epochs before `epoch`.
  static RunDirectory reopen(const std::filesystem::path& path, std::int64_t epoch);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path checkpoint(const std::string& name) const { return path_ / "checkpoints" / name; }

  void append(const EpochSummary& summary);
  /// `running`, `finished`, `stopped` or `failed`, with the reason where there is one.
  void set_status(const std::string& status, const std::string& reason = "");

 private:
  explicit RunDirectory(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
};

/// The run directory that `--resume` means: a path to one (or to its checkpoint), or with `auto` the experiment's own
/// if it has a checkpoint, else the newest under the output directory that was stopped or left running. Empty: start
/// anew.
std::filesystem::path run_to_resume(const Config& config);

/// args.yaml of the run that a path is, or lies in: a checkpoint, its weights. Empty: it belongs to no run.
std::filesystem::path arguments_of_run(const std::filesystem::path& inside);

}  // namespace stint
