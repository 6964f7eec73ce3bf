#include <stint/kernels/dispatch.h>
#include <stint/kernels/dropout/dropout.h>
#include <stint/kernels/reorder/reorder.h>

namespace stint {

STINT_KERNEL(void dropout(const Tensor& x, const Tensor& y, float rate, RandomSequence random, bool accumulate))

Tensor Dropout::forward(Saver&, const Tensor& x) const {
  require(rate >= 0 && rate < 1, name, "expected a rate in [0, 1), got {}", rate);
  Tensor input = plain(x);
  Tensor y(input.spec());
  STINT_RUN(name, traffic(x, y), x.device(), dropout(input, y, rate, random, false));
  return y;
}

void Dropout::backward(const Saved&, const Tensor& dy, const Grad& dx) const {
  if (!dx.wanted()) return;
  if (dx.spec().packing == Packing::plain) {
    Tensor out = dx.out();
    STINT_RUN("dropout_backward", traffic(dy, out), dy.device(), dropout(dy, out, rate, random, dx.accumulates()));
  } else {
    Tensor gradient(dy.spec());
    STINT_RUN("dropout_backward", traffic(dy, gradient), dy.device(), dropout(dy, gradient, rate, random, false));
    dx.share(packed(gradient, dx.spec().packing));
  }
}

}  // namespace stint
