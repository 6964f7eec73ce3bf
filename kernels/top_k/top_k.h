#pragma once

#include <stint/runtime/tensor.h>

/// The elements of largest magnitude of a flat f32 vector: what a top-k compressor sends. Not recorded on a tape.
namespace stint {

/// values [k] f32, places [k] i32 <- the k elements of x with the largest |x| and where they stand, in the order of
/// their places; of equal magnitudes the lower place is taken. A NaN counts as larger than everything. Errors: k beyond
/// x.
void top_k(const Tensor& x, const Tensor& values, const Tensor& places);

/// y[places[i]] <- y[places[i]] + factor * values[i]. Places are distinct.
void scatter_add(const Tensor& values, const Tensor& places, float factor, const Tensor& y);

}  // namespace stint
