#pragma once

#include <stint/layers/model_state.h>
#include <stint/layers/safetensors.h>

namespace stint {

/// Parameters and buffers under the names and in the layouts of PyTorch's model zoos: convolution weights as
/// [O,I,KH,KW], linear layers behind a flatten with their inputs in the order C,H,W. Live, while the state is.
std::vector<StoredTensor> stored_state(const ModelState& state);

/// The same as CPU copies.
std::vector<NamedTensor> state_dict(const ModelState& state);

/// The layer of the last weight matrix, which turns features into classes: "fc", "heads.head".
std::string head_name(const ModelState& state);

/// What to do with a head (the last weight matrix and its bias) that has another number of classes; one of another
/// number of features never fits.
enum class Head { must_fit, renew_if_other };

/// The inverse of `state_dict`; PyTorch's batch counters (`num_batches_tracked`) may be there too. Returns the names
/// that kept their initial values, as `renew_if_other` allows. Errors (ErrorKind::data): names that are missing, left
/// over, or of another shape or dtype; all are listed, and then nothing was changed.
std::vector<std::string> load_state_dict(ModelState& state, const std::vector<StoredTensor>& tensors,
                                         Head head = Head::must_fit);
std::vector<std::string> load_state_dict(ModelState& state, const std::vector<NamedTensor>& tensors,
                                         Head head = Head::must_fit);

}  // namespace stint
