#pragma once

#include <stint/tools/trainer/training.h>

#include <filesystem>
#include <functional>

namespace stint {

/// Where a run stands between two steps. What is not here is a pure function of the configuration.
struct Progress {
  std::int64_t epoch = 0;
  std::int64_t batch = 0;    ///< batches of the epoch that are done
  double loss_sum = 0;       ///< over those
  double epoch_seconds = 0;  ///< spent on them
  double best_top1 = -1;
};

/// Writes `directory` with model.safetensors (torchvision's names and layouts), optimizer.safetensors and state.json:
/// aside, synced, then renamed over what was there. `beside` may add files to it before that.
void save_checkpoint(const std::filesystem::path& directory, Training& training, const Progress& progress,
                     const std::function<void(const std::filesystem::path&)>& beside = {});

/// The inverse. Errors (ErrorKind::data): files missing, malformed, or of another model or optimiser. What differs from
/// this machine's or build's way of computing is returned as text, empty if nothing does: then the run goes on
/// bit-exact.
std::string load_checkpoint(const std::filesystem::path& directory, Training& training, Progress& progress);

/// The model's weights of a run directory, a checkpoint directory or a safetensors file.
std::filesystem::path find_weights(const std::filesystem::path& path);

}  // namespace stint
