#pragma once

#include <stint/runtime/tensor.h>

/// The gate between the packings of activations. Not recorded on a tape: values are the same, only their places differ.
namespace stint {

/// `tensor` itself if it has this packing, else a copy that has. Errors: `c16` of a tensor that is not [N,H,W,C] with
/// C a multiple of 16.
Tensor packed(const Tensor& tensor, Packing packing);

inline Tensor plain(const Tensor& tensor) {
  return packed(tensor, Packing::plain);
}

/// [N,C,H,W] f32 on the CPU, as PyTorch has images, to [N,H,W,C]. Errors: another rank, dtype or device.
Tensor channels_last(const Tensor& images);

/// True if an activation of this shape can be `c16`.
inline bool can_pack(const Shape& shape) {
  return shape.rank() == 4 && shape[3] % 16 == 0 && shape[3] > 0;
}

}  // namespace stint
