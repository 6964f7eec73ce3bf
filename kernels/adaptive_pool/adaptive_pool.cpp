#include <stint/kernels/adaptive_pool/adaptive_pool.h>
#include <stint/kernels/dispatch.h>
#include <stint/kernels/reorder/reorder.h>

namespace stint {

STINT_KERNEL(void adaptive_pool_forward(const Tensor& x, const Tensor& y))
STINT_KERNEL(void adaptive_pool_backward(const Tensor& dy, const Tensor& dx, bool accumulate))

Tensor AdaptivePool::forward(Saver&, const Tensor& x) const {
  require(x.shape().rank() == 4 && x.count() > 0, name, "expected a non-empty [N,H,W,C], got {}", x.shape());
  require(height >= 1 && width >= 1, name, "expected an output of at least 1x1, got {}x{}", height, width);
  TensorSpec spec = x.spec();
  spec.shape = {x.shape()[0], height, width, x.shape()[3]};
  Tensor y(spec);
  STINT_RUN(name, traffic(x, y), x.device(), adaptive_pool_forward(x, y));
  return y;
}

void AdaptivePool::backward(const Saved&, const Tensor& dy, const Grad& dx) const {
  if (!dx.wanted()) return;
  Tensor d = packed(dy, dx.spec().packing), out = dx.out();
  STINT_RUN("adaptive_pool_backward", traffic(d, out), d.device(), adaptive_pool_backward(d, out, dx.accumulates()));
}

}  // namespace stint
