#pragma once

#include <stint/tools/trainer/checkpoint.h>
#include <stint/tools/trainer/synchroniser.h>
#include <stint/tools/trainer/training.h>

#include <filesystem>

namespace stint {

/// Writes `rank-k.safetensors` (this worker's model, buffers, optimiser and algorithm) and `rank-k.json` (counters,
/// random state, traffic) into a checkpoint. Every worker calls it, each for itself.
void save_worker(const std::filesystem::path& directory, Training& training, Synchroniser& synchroniser);

/// Errors (ErrorKind::usage): the checkpoint is of another algorithm than `name`, which is `none` for one worker alone:
/// what one remembers is nothing to another.
void check_algorithm(const std::filesystem::path& directory, const std::string& name);

/// The inverse of `save_worker`, over what `load_checkpoint` has read. A checkpoint of another number of workers has no
/// file for each: where nobody had anything of his own, one copy says everything; elsewhere, and in the middle of an
/// epoch, that is an error (ErrorKind::usage) unless `world_change` permits to go on with the common model alone, from
/// the start of the epoch. Returns whether every worker goes on from what was its own.
bool load_worker(const std::filesystem::path& directory, Training& training, Synchroniser& synchroniser,
                 Progress& progress, bool world_change);

}  // namespace stint
