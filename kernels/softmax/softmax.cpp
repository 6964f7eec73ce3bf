#include <stint/kernels/dispatch.h>
#include <stint/kernels/softmax/softmax.h>

namespace stint {

STINT_KERNEL(void softmax_forward(const Tensor& x, const Tensor& y))
STINT_KERNEL(void softmax_backward(const Tensor& y, const Tensor& dy, const Tensor& dx, bool accumulate))

Tensor Softmax::forward(Saver& saver, const Tensor& x) const {
  require(x.shape().rank() >= 2 && x.count() > 0 && x.packing() == Packing::plain, name,
          "expected a non-empty plain [...,C], got {}", x.shape().text());
  Tensor y(x.spec());
  STINT_RUN(name, traffic(x, y), x.device(), softmax_forward(x, y));
  saver.save(y);
  return y;
}

void Softmax::backward(const Saved& saved, const Tensor& dy, const Grad& dx) const {
  if (!dx.wanted()) return;
  Tensor y = saved[0], out = dx.out();
  STINT_RUN("softmax_backward", traffic(y, dy, out), dy.device(), softmax_backward(y, dy, out, dx.accumulates()));
}

}  // namespace stint
