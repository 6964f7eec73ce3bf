#pragma once

#include <stint/layers/sequential.h>
#include <stint/models/kwargs.h>

namespace stint::models {

/// LeNet-5 (LeCun et al. 1998) as it is built today: two 5x5 convolutions of 6 and 16 channels (the first padded by 2),
/// ReLU and 2x2 max-pools behind each, then linear layers of 120 and 84. Images of at least 12x12.
class LeNet5 : public layers::Sequential {
 public:
  LeNet5(const ModelSpec& spec, Kwargs& kwargs);
};

}  // namespace stint::models
