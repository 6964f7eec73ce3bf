#pragma once

#include <stint/runtime/philox.h>
#include <stint/runtime/tensor.h>

/// Holds a tensor, f32 or bf16, by its most telling elements alone (DropIT: Chen et al., ICLR 2023, arXiv 2202.13808).
/// Elements count in storage order, whatever the packing. Nothing waits for the device. These are not recorded on a
/// tape and have no gradient.
namespace stint {

/// Which elements are kept. `mink`: those of largest magnitude, exactly. `sampled`: the same, judged by a sample.
/// `nsigma`: those far from the mean, as far as a normal distribution says; of other ones that may be few. `random`:
/// each with the same probability.
enum class DropStrategy { mink, random, nsigma, sampled };

/// How their places are held: a bit an element, or an int32 a kept element, as DropIT's authors do.
enum class DropIndex { bitmask, int32 };

/// The most elements that are kept of `count`: floor(count * (1.0 - gamma)) in double, as in the authors' code. `mink`
/// keeps so many; the others may keep fewer.
std::int64_t drop_capacity(std::int64_t count, double gamma);

/// Bytes of an index.
std::size_t index_bytes(DropIndex index, std::int64_t count, std::int64_t capacity);

/// The smaller one; of equals the bit mask, which is faster. Errors: an int32 index of more than 2^31 - 1 elements.
DropIndex smaller_index(std::int64_t count, std::int64_t capacity);

struct DropRule {
  DropStrategy strategy = DropStrategy::mink;
  double gamma = 0.9;  ///< share that is dropped, in [0, 1)
  DropIndex index = DropIndex::bitmask;
  RandomSequence sequence = {};  ///< of `random`
};

/// What is left of a tensor.
struct KeptElements {
  TensorSpec spec;  ///< of the tensor
  DropIndex form = DropIndex::bitmask;
  Tensor values;  ///< [capacity], in storage order; anything behind the last one
  Tensor index;   ///< a mask as in kernels/bits.h, or [capacity] i32; anything behind the last one
  Tensor counts;  ///< two int64: elements inside the border, and how many of them are kept

  std::size_t bytes() const { return values.bytes() + index.bytes() + counts.bytes(); }
};

struct DropCounts {
  std::int64_t inside = 0;  ///< the strategy's border; more than the capacity are cut in index order
  std::int64_t kept = 0;
};

/// Memory of the current purpose. Errors: another dtype; gamma not in [0, 1); too large for the index.
KeptElements drop(const Tensor& x, const DropRule& rule);

/// values [k] of x's dtype, places [k] i32 <- exactly the k elements of largest magnitude and where they stand, in
/// storage order, ties broken by the lower place: what a top-k compressor sends. Errors: k beyond x; too large for
/// int32.
void top_k(const Tensor& x, const Tensor& values, const Tensor& places);

/// The tensor again, with zeros where elements were dropped, of the current purpose.
Tensor restore(const KeptElements& kept);

/// Waits for the device; zeros on the null device.
DropCounts counts_of(const KeptElements& kept);

}  // namespace stint
