#include <stint/kernels/dispatch.h>
#include <stint/kernels/select_token/select_token.h>

namespace stint {

STINT_KERNEL(void select_token_forward(const Tensor& x, std::int64_t index, const Tensor& y))
STINT_KERNEL(void select_token_backward(const Tensor& dy, std::int64_t index, const Tensor& dx, bool accumulate))

Tensor SelectToken::forward(Saver&, const Tensor& x) const {
  require(x.shape().rank() == 3 && index >= 0 && index < x.shape()[1], name, "expected [N,T,C] with T > {}, got {}",
          index, x.shape());
  Tensor y({x.shape()[0], x.shape()[2]}, x.dtype(), x.device());
  STINT_RUN(name, traffic(y, y), x.device(), select_token_forward(x, index, y));
  return y;
}

void SelectToken::backward(const Saved&, const Tensor& dy, const Grad& dx) const {
  if (!dx.wanted()) return;
  Tensor out = dx.out();
  STINT_RUN("select_token_backward", traffic(dy, out), dy.device(),
            select_token_backward(dy, index, out, dx.accumulates()));
}

}  // namespace stint
