#include <stint/kernels/dispatch.h>
#include <stint/kernels/vector/vector.h>

#include <cmath>

namespace stint {

STINT_KERNEL(void add_to(const Tensor& x, const Tensor& y, bool accumulate))
STINT_KERNEL(void axpy(float a, const Tensor& x, const Tensor& y))
STINT_KERNEL(void scale(float a, const Tensor& x))
STINT_KERNEL(void scatter_add(float a, const Tensor& x, const Tensor& places, const Tensor& y))
STINT_KERNEL(void squared_norm(const Tensor& x, double& result))

namespace {

void check_pair(std::string_view name, const Tensor& x, const Tensor& y) {
  require(x.count() == y.count() && x.packing() == y.packing() && x.device() == y.device(), name,
          "expected {} elements on {}, got {} on {}", y.count(), y.device().name(), x.count(), x.device().name());
}

}  // namespace

void add_to(const Tensor& x, const Tensor& y, bool accumulate) {
  check_pair("add_to", x, y);
  STINT_RUN("add_to", traffic(x, y), y.device(), add_to(x, y, accumulate));
}

void axpy(float a, const Tensor& x, const Tensor& y) {
  check_pair("axpy", x, y);
  STINT_RUN("axpy", traffic(x, y, y), y.device(), axpy(a, x, y));
}

void scale(float a, const Tensor& x) {
  STINT_RUN("scale", traffic(x, x), x.device(), scale(a, x));
}

void scatter_add(float a, const Tensor& x, const Tensor& places, const Tensor& y) {
  check_pair("scatter_add", x, places);
  STINT_RUN("scatter_add", traffic(x, places, x), y.device(), scatter_add(a, x, places, y));
}

double squared_norm(const Tensor& x) {
  double result = 0;
  STINT_RUN("norm", traffic(x), x.device(), squared_norm(x, result));
  return result;
}

double clip_norm(const Tensor& gradient, float limit) {
  double norm = std::sqrt(squared_norm(gradient));
  if (std::isfinite(norm) && norm > limit) scale(static_cast<float>(limit / norm), gradient);
  return norm;
}

}  // namespace stint
