#include <stint/kernels/bits.h>
#include <stint/kernels/dispatch.h>
#include <stint/kernels/relu/relu.h>

namespace stint {

STINT_KERNEL(void relu_forward(const Tensor& x, const Tensor& y, const Tensor& mask))
STINT_KERNEL(void relu_backward(const Tensor& mask, const Tensor& dy, const Tensor& dx, bool accumulate))

Tensor Relu::forward(Saver& saver, const Tensor& x) const {
  Tensor y(x.spec());
  Tensor mask = saver.enabled() ? Tensor({mask_bytes(x.count())}, DType::u8, x.device()) : Tensor();
  STINT_RUN(name, traffic(x, y), x.device(), relu_forward(x, y, mask));
  if (mask) saver.save(mask);
  return y;
}

void Relu::backward(const Saved& saved, const Tensor& dy, const Grad& dx) const {
  if (!dx.wanted()) return;
  Tensor out = dx.out();
  STINT_RUN("relu_backward", traffic(dy, out), dy.device(), relu_backward(saved[0], dy, out, dx.accumulates()));
}

}  // namespace stint
