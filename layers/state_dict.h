#pragma once

#include <stint/layers/model_state.h>
#include <stint/runtime/local_update.h>

namespace stint {

/// Parameters and buffers under torchvision's names and in its layouts (convolution weights as [O,I,KH,KW]): CPU
/// copies.
std::vector<NamedTensor> state_dict(const ModelState& state);

/// The inverse of `state_dict`. Errors (ErrorKind::data): names that are missing, left over, or of another shape or
/// dtype; all are listed, and then nothing was changed.
void load_state_dict(ModelState& state, const std::vector<NamedTensor>& tensors);

}  // namespace stint
