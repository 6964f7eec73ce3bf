#pragma once

#include <stint/tools/trainer/training.h>

#include <filesystem>
#include <functional>

namespace stint {

/// Where a run stands between two steps. What is not here is a pure function of the configuration.
struct Progress {
  std::int64_t epoch = 0;
  std::int64_t step = 0;      ///< steps of the epoch that are done
  std::int64_t skipped = 0;   ///< of them, without an update
  double loss_sum = 0;        ///< over the others
  double epoch_seconds = 0;   ///< spent on them
  double waited_seconds = 0;  ///< of those, for other workers
  double best_top1 = -1;
  double emulated_seconds = 0;  ///< on the emulated network of `--net`
  double emulated_waited = 0;   ///< of those
};

/// Adds files to a checkpoint that is being written, in the directory it is given.
using FilesBeside = std::function<void(const std::filesystem::path&)>;

/// Writes `directory` with model.safetensors (torchvision's names and layouts), optimizer.safetensors, where there is
/// an average ema.safetensors, what `beside` adds, and state.json, which has the checksums of all and its own: aside,
/// synced, then renamed over what was there.
void save_checkpoint(const std::filesystem::path& directory, Training& training, const Progress& progress,
                     const FilesBeside& beside = {});

/// The inverse of `save_checkpoint`, after `verify_checkpoint`. Errors (ErrorKind::data): damaged, or of another model
/// or optimiser. What differs from this machine's or build's way of computing is returned as text, empty if nothing
/// does: then the run goes on bit-exact.
std::string load_checkpoint(const std::filesystem::path& directory, Training& training, Progress& progress);

/// The checkpoints of one run: `step-NNN` each, of which the newest few are kept, with the links `last` and `best`.
class CheckpointStore {
 public:
  /// Keeps the `newest` ones, beside the best.
  CheckpointStore(std::filesystem::path directory, std::int64_t newest)
      : path_(std::move(directory)), newest_(newest) {}

  void save(Training& training, const Progress& progress, bool best, const FilesBeside& beside = {});

  /// Loads the newest checkpoint that is whole and returns its directory. `note` says what differs in the way of
  /// computing, and which damaged checkpoints were passed over. Errors (ErrorKind::data): none is whole; one of another
  /// model.
  std::filesystem::path load_newest(Training& training, Progress& progress, std::string& note) const;

  bool empty() const { return names().empty(); }
  /// Its name, whole or not; there must be one.
  std::string newest() const { return names().front(); }

 private:
  std::vector<std::string> names() const;  // the newest first
  void link(const std::string& name, const std::string& to) const;
  void prune() const;

  std::filesystem::path path_;
  std::int64_t newest_;
};

/// The model's weights of a run directory, a checkpoint directory or a safetensors file: of the first two those whose
/// accuracy the run tells, which with `--model-ema` are the average. Errors (ErrorKind::usage): no such thing;
/// (ErrorKind::data): damaged, where a checkpoint tells.
std::filesystem::path find_weights(const std::filesystem::path& path);

}  // namespace stint
