#pragma once

#include <cuda_runtime.h>
#include <stint/runtime/cuda_driver.h>
#include <stint/runtime/stream.h>
#include <stint/runtime/tensor.h>

namespace stint::cuda {

/// The current stream of a tensor's device, which becomes the thread's CUDA device.
inline cudaStream_t stream_of(const Tensor& tensor) {
  cuda_driver::use(tensor.device().index);
  return static_cast<cudaStream_t>(Stream::current(tensor.device()).native());
}

/// Called behind every launch, a library's too: finds what a launch reports at once, and with STINT_CUDA_SYNC=1 waits
/// for the kernel, so that its fault is reported under its operator's name.
void check_launch(cudaStream_t stream);

}  // namespace stint::cuda
