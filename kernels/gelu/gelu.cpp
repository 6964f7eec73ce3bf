#include <stint/kernels/dispatch.h>
#include <stint/kernels/gelu/gelu.h>

namespace stint {

STINT_KERNEL(void gelu_forward(const Tensor& x, const Tensor& y))
STINT_KERNEL(void gelu_backward(const Tensor& x, const Tensor& dy, const Tensor& dx, bool accumulate))

Tensor Gelu::forward(Saver& saver, const Tensor& x) const {
  Tensor y(x.spec());
  STINT_RUN(name, traffic(x, y), x.device(), gelu_forward(x, y));
  saver.save(x);
  return y;
}

void Gelu::backward(const Saved& saved, const Tensor& dy, const Grad& dx) const {
  if (!dx.wanted()) return;
  Tensor x = saved[0], out = dx.out();
  STINT_RUN("gelu_backward", traffic(x, dy, out), dy.device(), gelu_backward(x, dy, out, dx.accumulates()));
}

}  // namespace stint
