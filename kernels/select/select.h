#pragma once

#include <stint/runtime/tensor.h>

/// Which elements of a tensor, f32 or bf16, are large: the border between them and the rest is found in a few reads,
/// with no copy of the tensor. Elements count in storage order, whatever the packing. Nothing waits for the device.
/// These are not recorded on a tape and have no gradient.
namespace stint {

/// A border. Inside are the elements whose key (kernels/select/keys.h), that is |x - center|, is above `key`, and of
/// those whose key equals it the first, as far as there is room. NaN is larger than everything.
struct Cut {
  float center = 0;
  std::uint32_t key = 0;
};

/// Memory for a `Cut` on a device, charged to `Purpose::workspace`.
Tensor make_cut(Device device);

/// With room for `keep` elements, inside are exactly those of largest magnitude, ties broken by the lower storage
/// index. Radix selection. On the CPU, what its last read has counted is left in `tiles` (kernels/select/tile_count.h),
/// if there are any. Errors: keep > count.
void cut_largest(const Tensor& x, std::int64_t keep, const Tensor& cut, const Tensor& tiles = {});

/// The same as judged by 32768 elements whose places depend on the count alone: about `keep` are inside, and exactly
/// `keep` of a tensor that is not larger. Errors: as above.
void cut_sampled(const Tensor& x, std::int64_t keep, const Tensor& cut);

/// Inside is what is `sigmas` standard deviations (of the population) or more from the mean; nothing where these are
/// not finite.
void cut_outside(const Tensor& x, double sigmas, const Tensor& cut);

}  // namespace stint
