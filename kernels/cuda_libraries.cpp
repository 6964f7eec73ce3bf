#include <stint/kernels/conv2d/cudnn.h>
#include <stint/kernels/cublaslt.h>
#include <stint/kernels/cuda_libraries.h>
#include <stint/kernels/cuda_stream.h>
#include <stint/runtime/cuda_driver.h>

#include <cstdlib>

namespace stint {

namespace {

bool is_set(const char* variable) {
  const char* text = std::getenv(variable);
  return text && std::string_view(text) == "1";
}

}  // namespace

void open_cuda_libraries() {
  cublaslt::open();
  cudnn::open();
}

bool tf32_allowed() {
  static const bool allowed = is_set("STINT_TF32");
  return allowed;
}

void cuda::check_launch(cudaStream_t stream) {
  static const bool waits = is_set("STINT_CUDA_SYNC");
  cuda_driver::check(cudaGetLastError(), "launching a kernel");
  if (waits) cuda_driver::check(cudaStreamSynchronize(stream), "running a kernel");
}

}  // namespace stint
