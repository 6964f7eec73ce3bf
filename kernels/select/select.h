#pragma once

#include <stint/runtime/tensor.h>

#include <limits>

/// Which elements of a tensor, f32 or bf16, are large: the border between them and the rest is found in a few reads,
/// with no copy of the tensor. Elements count in storage order, whatever the packing. Nothing waits for the device.
/// These are not recorded on a tape and have no gradient.
namespace stint {

/// Of elements that equal a border: all.
inline constexpr std::int64_t unlimited_room = std::numeric_limits<std::int64_t>::max();

/// A border. Inside are the elements whose key (kernels/select/keys.h), that is |x - center|, is above `key`, and of
/// those whose key equals it the first `room`, none if that is negative. NaN is larger than everything.
struct Cut {
  float center = 0;
  std::uint32_t key = 0;
  std::int64_t room = unlimited_room;
  std::int64_t ties = 0;  ///< of the elements that a radix selection looked at: how many equal the key
};

/// Memory for a `Cut` on a device, charged to `Purpose::workspace`.
Tensor make_cut(Device device);

/// Inside are exactly the `keep` elements of largest magnitude, ties broken by the lower storage index. Radix
/// selection. Errors: keep > count.
void cut_largest(const Tensor& x, std::int64_t keep, const Tensor& cut);

/// The same as judged by 32768 elements whose places depend on the count alone, and exactly so of a tensor that is not
/// larger. About `keep` are inside. Where elements on the border are many, a read counts how many of them there is room
/// for, so that they fill it up and do not exceed it. Errors: as above.
void cut_sampled(const Tensor& x, std::int64_t keep, const Tensor& cut);

/// Inside is what is `sigmas` standard deviations (of the population) or more from the mean; nothing where these are
/// not finite.
void cut_outside(const Tensor& x, double sigmas, const Tensor& cut);

}  // namespace stint
