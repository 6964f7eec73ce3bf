// Nothing to reorder: tensors are plain throughout on CUDA.

#include <stint/kernels/dispatch.h>

namespace stint::cuda {

void reorder(const Tensor& from, const Tensor&) {
  fail(ErrorKind::runtime, "reorder", "expected a plain tensor on {}, got one packed for the CPU kernels",
       from.device().name());
}

}  // namespace stint::cuda
