#pragma once

#include <stint/runtime/tensor.h>

#include <vector>

namespace stint::dist {

/// out <- factor * (sum of the pieces), added as a binary tree by their number: ((0+1)+(2+3))+((4+5)+6). Computed in
/// f32 and rounded once; on the CPU i32 adds integers and takes no factor but 1. `out` may be one of the pieces. On
/// CUDA the pieces may be overwritten. Errors: counts that differ.
void tree_sum(const std::vector<Tensor>& pieces, const Tensor& out, float factor);

}  // namespace stint::dist
