#pragma once

#include <stint/tools/trainer/synchroniser.h>
#include <stint/tools/trainer/training.h>

#include <filesystem>

namespace stint {

/// Writes `rank-k.safetensors` (this worker's model, buffers, optimiser and algorithm) and `rank-k.json` (counters,
/// random state, traffic) into a checkpoint. Every worker calls it, each for itself.
void save_worker(const std::filesystem::path& directory, Training& training, Synchroniser& synchroniser);

/// The inverse, over what `load_checkpoint` has read. A checkpoint of another number of workers has no file for each:
/// where the workers were equal and remembered nothing of their own, the common model is all there is to know;
/// elsewhere that is an error (ErrorKind::usage) unless `world_change` permits to go on with the common model alone.
/// Returns whether every worker goes on from what was its own.
bool load_worker(const std::filesystem::path& directory, Training& training, Synchroniser& synchroniser,
                 bool world_change);

}  // namespace stint
