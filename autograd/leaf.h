#pragma once

#include <stint/runtime/tensor.h>

#include <string>

namespace stint {

/// A tensor whose gradient outlives the tape: a parameter, as the tape sees it.
struct Leaf {
  std::string name;
  Tensor value;     ///< what operators read; f32, or the bf16 twin of the parameters
  Tensor gradient;  ///< f32, the same shape: written by backward, in place
  /// False until a backward has written `gradient` for this step: the first write overwrites, later ones add.
  bool gradient_set = false;
};

}  // namespace stint
