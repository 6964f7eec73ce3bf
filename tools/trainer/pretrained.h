#pragma once

#include <stint/layers/model_state.h>
#include <stint/models/model.h>
#include <stint/runtime/local_update.h>
#include <stint/tools/config/config.h>

namespace stint {

/// Loads `model.pretrained`, if it names weights (a run, a checkpoint or a safetensors file), into a model. A head of
/// another number of classes keeps its initial weights, and a line that says so is returned; otherwise it is empty.
/// Errors: as `find_weights`, `read_safetensors`, `load_state_dict`.
std::string load_pretrained(const Config& config, ModelState& state);

/// What the configured model is made for where there are weights and no data set: as many classes as the weights have,
/// unless the configuration says otherwise; images of 224x224x3 unless it does.
ModelSpec spec_of_weights(const Config& config, const std::vector<NamedTensor>& weights);

}  // namespace stint
