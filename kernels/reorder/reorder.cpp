#include <stint/kernels/dispatch.h>
#include <stint/kernels/reorder/reorder.h>

namespace stint {

STINT_KERNEL(void reorder(const Tensor& from, const Tensor& to))

Tensor packed(const Tensor& tensor, Packing packing) {
  if (tensor.packing() == packing) return tensor;
  require(can_pack(tensor.shape()), "reorder", "expected [N,H,W,C] with C a multiple of 16, got {}", tensor.shape());
  TensorSpec spec = tensor.spec();
  spec.packing = packing;
  Tensor copy(spec);
  STINT_RUN("reorder", traffic(tensor, copy), tensor.device(), reorder(tensor, copy));
  return copy;
}

Tensor channels_last(const Tensor& images) {
  const Shape& s = images.shape();
  require(s.rank() == 4 && images.dtype() == DType::f32 && images.device() == Device::cpu(), "images",
          "expected [N,C,H,W] f32, got {} {}", s, name_of(images.dtype()));
  Tensor result({s[0], s[2], s[3], s[1]}, DType::f32);
  std::int64_t pixels = s[2] * s[3];
  for (std::int64_t n = 0; n < s[0]; ++n) {
    for (std::int64_t c = 0; c < s[1]; ++c) {
      const float* plane = images.data<float>() + (n * s[1] + c) * pixels;
      float* out = result.data<float>() + n * pixels * s[1] + c;
      for (std::int64_t i = 0; i < pixels; ++i) out[i * s[1]] = plane[i];
    }
  }
  return result;
}

}  // namespace stint
