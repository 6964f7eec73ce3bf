#include <stint/kernels/dispatch.h>
#include <stint/kernels/reorder/reorder.h>

namespace stint {

STINT_KERNEL(void reorder(const Tensor& from, const Tensor& to))

Tensor packed(const Tensor& tensor, Packing packing) {
  if (tensor.packing() == packing) return tensor;
  require(can_pack(tensor.shape()), "reorder", "expected [N,H,W,C] with C a multiple of 16, got {}",
          tensor.shape().text());
  TensorSpec spec = tensor.spec();
  spec.packing = packing;
  Tensor copy(spec);
  STINT_RUN("reorder", traffic(tensor, copy), tensor.device(), reorder(tensor, copy));
  return copy;
}

}  // namespace stint
