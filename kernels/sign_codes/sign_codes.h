#pragma once

#include <stint/runtime/tensor.h>

/// One bit an element: what a scaled-sign compressor sends. Flat vectors, f32, not recorded on a tape. The bit of
/// element i is bit i % 32 of word i / 32; it is set where the element is below zero, so zeros count as positive.
namespace stint {

inline constexpr std::int64_t sign_bits = 32;  ///< elements a word

/// codes [ceil(count/32)] i32 <- signs of x [count] f32; the bits behind the last element are zero.
void pack_signs(const Tensor& x, const Tensor& codes);

/// y [count] f32 <- y + s with s = -scale where the bit is set, else +scale; without `accumulate`, y <- s.
void unpack_signs(const Tensor& codes, float scale, const Tensor& y, bool accumulate);

/// sums [ceil(count/chunk)] f32 <- the sum of |x| over each stretch of `chunk` elements, added in double in an order
/// that does not depend on the number of threads.
void l1_of_chunks(const Tensor& x, std::int64_t chunk, const Tensor& sums);

}  // namespace stint
