#include <stint/kernels/reorder/reorder.h>
#include <stint/kernels/reshape/reshape.h>

namespace stint {

Tensor Reshape::forward(Saver&, const Tensor& x) const {
  return plain(x).reshaped(shape);
}

void Reshape::backward(const Saved&, const Tensor& dy, const Grad& dx) const {
  if (dx.wanted()) dx.share(packed(dy.reshaped(dx.spec().shape), dx.spec().packing));
}

}  // namespace stint
