#pragma once

#include <stint/runtime/tensor.h>

/// Which elements of a tensor, f32 or bf16, are large: the border between them and the rest is found in a few reads,
/// with no copy of the tensor. Elements count in storage order, whatever the packing. Nothing waits for the device.
/// These are not recorded on a tape and have no gradient.
namespace stint {

/// A border. Inside are the elements whose key (kernels/select/keys.h), that is |x - center|, is above `key`, and the
/// first `ties` of those whose key equals it. NaN is larger than everything.
struct Cut {
  float center = 0;
  std::uint32_t key = 0;
  std::int64_t ties = 0;
};

/// Memory for a `Cut` on a device, charged to `Purpose::workspace`.
Tensor make_cut(Device device);

/// Inside are exactly the `keep` elements of largest magnitude, ties broken by the lower storage index. Radix
/// selection. Errors: keep > count.
void cut_largest(const Tensor& x, std::int64_t keep, const Tensor& cut);

/// Inside are about `keep` elements of largest magnitude, as judged by 32768 of them whose places depend on the count
/// alone; exactly `keep` of a tensor that is not larger. Errors: as above.
void cut_sampled(const Tensor& x, std::int64_t keep, const Tensor& cut);

/// Inside is what is farther than `sigmas` standard deviations (of the population) from the mean; nothing where these
/// are not finite.
void cut_outside(const Tensor& x, double sigmas, const Tensor& cut);

}  // namespace stint
