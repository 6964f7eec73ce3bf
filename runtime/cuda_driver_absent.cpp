#include <stint/runtime/cuda_driver.h>

namespace stint {

int cuda_device_count() {
  return 0;
}

std::string cuda_absence() {
  return "this build of stint has no CUDA support";
}

}  // namespace stint
