#pragma once

namespace stint {

/// Opens the libraries that CUDA kernels need, so that a missing one is said before any work: an error of
/// ErrorKind::usage that names it. Does nothing in a build without CUDA.
void open_cuda_libraries();

/// STINT_TF32=1: f32 convolutions and products may multiply in TF32.
bool tf32_allowed();

}  // namespace stint
