// Radix selection on CUDA, digit by digit: blocks make histograms in shared memory and add them up in global memory,
// one block then goes down to the bin that holds the border. The state of the descent stays on the device. Counts are
// integers, so the order of additions does not matter. Floor: the tensor read once a digit, three times f32, twice
// bf16.

#include <stint/kernels/select/select_kernels.h>
#include <stint/kernels/cuda.cuh>
#include <stint/kernels/prefix.cuh>

namespace stint::cuda {

/// A key's digits, from the most significant on: selection finds one after the other.
struct Digit {
  int shift, bits;

  constexpr std::uint32_t of(std::uint32_t key) const { return (key >> shift) & ((1u << bits) - 1); }
  /// What is above the digit.
  constexpr std::uint32_t prefix(std::uint32_t key) const { return key >> (shift + bits); }
};

constexpr Digit digits[] = {{20, 11}, {10, 10}, {0, 10}};
static_assert(nan_key >> digits[0].shift < most_bins);

/// How many digits say everything. A bf16 is a float whose last 16 bits are zero, and so are they in a NaN's key.
template <typename T>
constexpr int digit_count = sizeof(T) == 2 ? 2 : 3;

/// bins += histogram of a digit, of the elements whose digits before it are the border's. Zeros, which are many behind
/// a ReLU, are counted apart: they would wait for each other at one bin.
template <typename T>
__global__ void digit_histogram_kernel(std::int64_t count, const T* x, Digit digit, Descent* descent) {
  auto* bins = shared_memory<unsigned>();
  for (int bin = static_cast<int>(threadIdx.x); bin < most_bins; bin += static_cast<int>(blockDim.x)) bins[bin] = 0;
  __syncthreads();
  std::uint32_t border = digit.prefix(descent->prefix);
  unsigned zeros = 0;
  for_packs(count, [&](std::int64_t i, int n) {
    std::uint32_t keys[Pack::size];
    MagnitudeKeys{}(load_pack(x + i, n).value, i, keys);
    for (int j = 0; j < Pack::size; ++j) {
      if (j >= n || digit.prefix(keys[j]) != border) continue;
      if (keys[j] == 0) {
        ++zeros;
      } else {
        atomicAdd(&bins[digit.of(keys[j])], 1u);
      }
    }
  });
  if (zeros > 0) atomicAdd(&bins[0], zeros);
  __syncthreads();
  for (int bin = static_cast<int>(threadIdx.x); bin < most_bins; bin += static_cast<int>(blockDim.x)) {
    if (bins[bin] > 0)
      atomicAdd(reinterpret_cast<unsigned long long*>(&descent->bins[bin]), static_cast<unsigned long long>(bins[bin]));
  }
}

/// Goes down to the bin that holds the `wanted`-th element from the top, and empties the bins. One block, whose threads
/// have the bins from the top on.
__global__ void descend_kernel(Digit digit, Descent* descent, Cut* cut) {
  constexpr int share = most_bins / static_cast<int>(block_size);
  std::int64_t* top = descent->bins + most_bins - 1 - std::int64_t{threadIdx.x} * share;
  std::int64_t own = 0, total = 0, wanted = descent->wanted;
  for (int i = 0; i < share; ++i) own += top[-i];
  std::int64_t before = block_prefix(own, total, shared_memory<std::int64_t>());
  if (before < wanted && wanted <= before + own) {  // one thread, and all have read
    auto bin = static_cast<std::uint32_t>(top - descent->bins);
    for (wanted -= before; descent->bins[bin] < wanted; --bin) wanted -= descent->bins[bin];
    descent->prefix |= bin << digit.shift;
    descent->wanted = wanted;
    *cut = {0, descent->prefix};
  }
  __syncthreads();
  for (int i = 0; i < share; ++i) top[-i] = 0;
}

__global__ void start_descent_kernel(std::int64_t keep, Descent* descent, Cut* cut) {
  for (int bin = static_cast<int>(threadIdx.x); bin < most_bins; bin += static_cast<int>(blockDim.x)) {
    descent->bins[bin] = 0;
  }
  if (threadIdx.x != 0) return;
  descent->wanted = keep;
  descent->prefix = 0;
  *cut = {0, ~0u};  // for nothing to keep
}

template <typename T>
__global__ void moments_kernel(std::int64_t count, const T* x, Moments* moments) {
  std::int64_t first = blockIdx.x * moments_tile;
  std::int64_t here = count - first < moments_tile ? count - first : moments_tile;
  double sum = 0, squares = 0;
  for (std::int64_t i = std::int64_t{threadIdx.x} * Pack::size; i < here; i += std::int64_t{blockDim.x} * Pack::size) {
    int n = here - i < Pack::size ? static_cast<int>(here - i) : Pack::size;
    Pack values = load_pack(x + first + i, n);
    for (int j = 0; j < Pack::size; ++j) {
      sum += values[j];
      squares += double{values[j]} * values[j];
    }
  }
  sum = block_sum(sum, shared_memory<double>());
  squares = block_sum(squares, shared_memory<double>());
  if (threadIdx.x == 0) moments[blockIdx.x] = {sum, squares};
}

/// The border `sigmas` standard deviations around the mean; one block.
__global__ void outside_kernel(std::int64_t count, int tiles, double sigmas, const Moments* moments, Cut* cut) {
  double sum = 0, squares = 0;
  for (int i = static_cast<int>(threadIdx.x); i < tiles; i += static_cast<int>(blockDim.x)) {
    sum += moments[i].sum;
    squares += moments[i].squares;
  }
  sum = block_sum(sum, shared_memory<double>());
  squares = block_sum(squares, shared_memory<double>());
  if (threadIdx.x != 0) return;
  Moments total{sum, squares};
  auto reach = static_cast<float>(sigmas * sqrt(total.variance(count)));
  *cut = cut_around(static_cast<float>(total.mean(count)), reach);
}

template <typename T>
__global__ void take_sample_kernel(std::int64_t count, const T* x, T* sample) {
  std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  for (; i < sample_size / 4; i += std::int64_t{gridDim.x} * blockDim.x) {
    auto places = sample_places(i, count);
    for (int k = 0; k < 4; ++k) sample[4 * i + k] = x[places[k]];
  }
}

void cut_largest(const Tensor& x, std::int64_t keep, const Tensor& cut, const Tensor& descent) {
  auto* state = reinterpret_cast<Descent*>(descent.raw());
  auto* result = reinterpret_cast<Cut*>(cut.raw());
  launch(start_descent_kernel, 1, block_size, 0, stream_of(x), keep, state, result);
  if (keep == 0) return;
  with_float_type(x.dtype(), "select", [&](auto type) {
    using T = decltype(type);
    for (int i = 0; i < digit_count<T>; ++i) {
      launch(digit_histogram_kernel<T>, pack_grid(x.count()), block_size, most_bins * sizeof(unsigned), stream_of(x),
             x.count(), x.data<T>(), digits[i], state);
      launch(descend_kernel, 1, block_size, block_size / warp_size * sizeof(std::int64_t), stream_of(x), digits[i],
             state, result);
    }
  });
}

void cut_outside(const Tensor& x, double sigmas, const Tensor& cut, const Tensor& moments) {
  std::int64_t tiles = (x.count() + moments_tile - 1) / moments_tile;
  auto* parts = reinterpret_cast<Moments*>(moments.raw());
  std::size_t scratch = block_size / warp_size * sizeof(double);
  with_float_type(x.dtype(), "select", [&](auto type) {
    using T = decltype(type);
    launch(moments_kernel<T>, static_cast<unsigned>(tiles), block_size, scratch, stream_of(x), x.count(), x.data<T>(),
           parts);
  });
  launch(outside_kernel, 1, block_size, scratch, stream_of(x), x.count(), static_cast<int>(tiles), sigmas, parts,
         reinterpret_cast<Cut*>(cut.raw()));
}

void take_sample(const Tensor& x, const Tensor& sample) {
  with_float_type(x.dtype(), "select", [&](auto type) {
    using T = decltype(type);
    launch(take_sample_kernel<T>, grid_size(sample_size / 4), block_size, 0, stream_of(x), x.count(), x.data<T>(),
           sample.data<T>());
  });
}

}  // namespace stint::cuda
