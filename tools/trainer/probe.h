#pragma once

#include <stint/tools/trainer/training.h>

#include <filesystem>
#include <string>
#include <vector>

namespace stint {

/// What dropping does to the weight gradient of one layer in one step.
struct LayerProbe {
  std::string layer;
  DropRecord input;           ///< what is kept of its saved input
  double cosine = 1;          ///< between the gradient and the one of a dense step; 0 if one of them is zero
  double relative_error = 0;  ///< |difference| / |dense|; of numbers that are not finite both are NaN
};

/// Runs forward and backward of the next step twice, dense and with dropping, and compares the weight gradients. The
/// training is as before, so a probed run has the bits of one that is not; the dense pass needs a dense step's memory.
/// Empty where nothing is dropped, and on the null device, where it asks for the same memory.
std::vector<LayerProbe> probe(Training& training, const Batch& batch);

bool probe_due(const Config& config, std::int64_t step);

/// Appends a probe of the next step to `probes.jsonl` of a run directory, a line a layer.
void write_probes(const std::filesystem::path& run, Training& training, const Batch& batch);

/// Cuts `probes.jsonl` back to what was probed before `step` steps were done: a resumed run probes the rest again.
void forget_probes(const std::filesystem::path& run, std::int64_t step);

}  // namespace stint
