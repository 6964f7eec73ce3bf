#include <stint/kernels/avg_pool/avg_pool.h>
#include <stint/kernels/dispatch.h>

namespace stint {

STINT_KERNEL(void avg_pool_forward(const Tensor& x, const Window& window, const Tensor& y))
STINT_KERNEL(void avg_pool_backward(const Tensor& dy, const Window& window, const Tensor& dx, bool accumulate))

Tensor AvgPool::forward(Saver&, const Tensor& x) const {
  window.check(name, x.shape());
  TensorSpec spec = x.spec();
  spec.shape = {x.shape()[0], window.output(x.shape()[1]), window.output(x.shape()[2]), x.shape()[3]};
  Tensor y(spec);
  STINT_RUN(name, traffic(x, y), x.device(), avg_pool_forward(x, window, y));
  return y;
}

void AvgPool::backward(const Saved&, const Tensor& dy, const Grad& dx) const {
  if (!dx.wanted()) return;
  Tensor out = dx.out();
  STINT_RUN("avg_pool_backward", traffic(dy, out), dy.device(), avg_pool_backward(dy, window, out, dx.accumulates()));
}

}  // namespace stint
