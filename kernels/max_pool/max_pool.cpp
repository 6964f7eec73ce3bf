#include <stint/kernels/dispatch.h>
#include <stint/kernels/max_pool/max_pool.h>
#include <stint/kernels/max_pool/max_pool_kernels.h>

namespace stint {

Tensor MaxPool::forward(Saver& saver, const Tensor& x) const {
  window.check(name, x.shape());
  require(window.padding <= window.kernel / 2 && window.kernel <= largest_kernel, name,
          "expected padding <= kernel / 2 and kernel <= {}, got padding {} and kernel {}", largest_kernel,
          window.padding, window.kernel);
  TensorSpec spec = x.spec();
  spec.shape = {x.shape()[0], window.output(x.shape()[1]), window.output(x.shape()[2]), x.shape()[3]};
  Tensor y(spec);
  Tensor places;
  if (saver.enabled()) places = Tensor({spec.shape[0], place_bytes(window, spec.shape)}, DType::u8, x.device());
  STINT_RUN(name, traffic(x, y), x.device(), max_pool_forward(x, window, y, places));
  if (places) saver.save(places);
  return y;
}

void MaxPool::backward(const Saved& saved, const Tensor& dy, const Grad& dx) const {
  if (!dx.wanted()) return;
  Tensor out = dx.out();
  STINT_RUN("max_pool_backward", traffic(dy, out), dy.device(),
            max_pool_backward(saved[0], dy, window, out, dx.accumulates()));
}

}  // namespace stint
