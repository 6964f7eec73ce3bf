#include <stint/kernels/cuda_libraries.h>

namespace stint {

void open_cuda_libraries() {}

bool tf32_allowed() {
  return false;
}

}  // namespace stint
