#include <stint/kernels/dispatch.h>
#include <stint/kernels/drop_path/drop_path.h>

namespace stint {

STINT_KERNEL(void drop_path(const Tensor& x, const Tensor& y, float rate, RandomSequence random, bool accumulate))

Tensor DropPath::forward(Saver&, const Tensor& x) const {
  require(rate >= 0 && rate < 1, name, "expected a rate in [0, 1), got {}", rate);
  require(x.shape().rank() >= 2 && x.packing() == Packing::plain, name, "expected a plain [N,...], got {}", x.shape());
  Tensor y(x.spec());
  STINT_RUN(name, traffic(x, y), x.device(), drop_path(x, y, rate, random, false));
  return y;
}

void DropPath::backward(const Saved&, const Tensor& dy, const Grad& dx) const {
  if (!dx.wanted()) return;
  Tensor out = dx.out();
  STINT_RUN("drop_path_backward", traffic(dy, out), dy.device(), drop_path(dy, out, rate, random, dx.accumulates()));
}

}  // namespace stint
