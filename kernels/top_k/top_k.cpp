#include <stint/kernels/dispatch.h>
#include <stint/kernels/top_k/top_k.h>

namespace stint {

STINT_KERNEL(void top_k(const Tensor& x, const Tensor& values, const Tensor& places, const Tensor& workspace))
STINT_KERNEL(std::size_t top_k_workspace(std::int64_t count))
STINT_KERNEL(void scatter_add(const Tensor& values, const Tensor& places, float factor, const Tensor& y))

void top_k(const Tensor& x, const Tensor& values, const Tensor& places) {
  require(values.count() == places.count() && values.count() <= x.count(), "top_k",
          "expected as many values as places and at most {}, got {} and {}", x.count(), values.count(), places.count());
  Tensor workspace = make_workspace(STINT_WORKSPACE(x.device(), top_k_workspace(x.count())), x.device());
  STINT_RUN("top_k", traffic(x, x, values, places), x.device(), top_k(x, values, places, workspace));
}

void scatter_add(const Tensor& values, const Tensor& places, float factor, const Tensor& y) {
  require(values.count() == places.count(), "scatter_add", "expected {} places, got {}", values.count(),
          places.count());
  STINT_RUN("scatter_add", traffic(values, places, values), y.device(), scatter_add(values, places, factor, y));
}

}  // namespace stint
