#include <stint/kernels/dispatch.h>
#include <stint/kernels/global_pool/global_pool.h>

namespace stint {

STINT_KERNEL(void global_pool_forward(const Tensor& x, const Tensor& y))
STINT_KERNEL(void global_pool_backward(const Tensor& dy, const Tensor& dx, bool accumulate))

Tensor GlobalPool::forward(Saver&, const Tensor& x) const {
  require(x.shape().rank() == 4 && x.count() > 0, name, "expected a non-empty [N,H,W,C], got {}", x.shape());
  Tensor y({x.shape()[0], x.shape()[3]}, x.dtype(), x.device());
  STINT_RUN(name, traffic(x, y), x.device(), global_pool_forward(x, y));
  return y;
}

void GlobalPool::backward(const Saved&, const Tensor& dy, const Grad& dx) const {
  if (!dx.wanted()) return;
  Tensor out = dx.out();
  STINT_RUN("global_pool_backward", traffic(dy, out), dy.device(), global_pool_backward(dy, out, dx.accumulates()));
}

}  // namespace stint
