#pragma once

#include <stint/kernels/conv2d/conv2d_kernels.h>

/// Convolution by cuDNN, opened when it is first used: one pass of one convolution, channels-last, without bias,
/// overwriting. The algorithm is the first deterministic one that cuDNN's heuristic names for the case, so it is a
/// function of shape, dtype and flags. STINT_TF32=1 allows f32 convolutions to multiply in TF32.
namespace stint::cudnn {

/// Opens the library if it is not open yet. Errors (ErrorKind::usage): it is missing.
void open();

/// Bytes. Errors: cuDNN is missing (ErrorKind::usage), or has no algorithm for the case.
std::size_t workspace(const ConvCase& c, ConvPass pass);

/// Reads two of the three, all of one dtype, and makes the third: y forward, x in backward_data, weight in
/// backward_weights.
void run(const ConvCase& c, ConvPass pass, const Tensor& x, const Tensor& weight, const Tensor& y,
         const Tensor& workspace);

}  // namespace stint::cudnn
