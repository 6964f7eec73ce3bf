// Radix selection on CUDA, digit by digit: blocks make histograms in shared memory and add them up in global memory,
// one block then goes down to the bin that holds the border. The state of the descent stays on the device. Counts are
// integers, so the order of additions does not matter. Digits are as wide as shared memory holds: fewer reads, and
// threads seldom wait for each other at one bin. Floor: the tensor read once a digit; with 15 bits once bf16, three
// times f32.

#include <stint/kernels/select/select_kernels.h>
#include <stint/kernels/cuda.cuh>
#include <stint/kernels/prefix.cuh>

#include <iterator>
#include <limits>

namespace stint::cuda {

inline constexpr int widest_digit = 15;  // bits; fewer where shared memory is scarce
inline constexpr unsigned histogram_threads = 1024;
static_assert(nan_key < 1u << 31 && most_bins == 1 << widest_digit);

/// Some bits of a key: selection finds them from the most significant on.
struct Digit {
  int shift, bits;

  /// At least a warp's.
  __host__ __device__ int bins() const { return bits < 5 ? warp_size : 1 << bits; }
  __device__ std::uint32_t of(std::uint32_t key) const { return (key >> shift) & ((1u << bits) - 1); }
  /// What is above the digit.
  __device__ std::uint32_t prefix(std::uint32_t key) const { return key >> (shift + bits); }
};

/// bins += histogram of a digit, of the elements whose digits before it are the border's. Zeros, which are many behind
/// a ReLU, are counted apart.
template <typename T>
__global__ void __launch_bounds__(histogram_threads)
    digit_histogram_kernel(std::int64_t count, const T* x, Digit digit, Descent* descent) {
  auto* bins = shared_memory<unsigned>();
  auto thread = static_cast<int>(threadIdx.x), threads = static_cast<int>(blockDim.x);
  for (int bin = thread; bin < digit.bins(); bin += threads) bins[bin] = 0;
  __syncthreads();
  std::uint32_t border = digit.prefix(descent->prefix);
  unsigned zeros = 0;
  auto tally = [&](const Pack& values, int n) {
    std::uint32_t keys[Pack::size];
    MagnitudeKeys{}(values.value, 0, keys);
    for (int j = 0; j < Pack::size; ++j) {
      if (j >= n || digit.prefix(keys[j]) != border) continue;
      if (keys[j] == 0) {
        ++zeros;
      } else {
        atomicAdd(&bins[digit.of(keys[j])], 1u);
      }
    }
  };
  std::int64_t step = std::int64_t{gridDim.x} * threads * Pack::size;
  for (std::int64_t i = (std::int64_t{blockIdx.x} * threads + thread) * Pack::size; i < count; i += 2 * step) {
    int n = count_before(count, i, Pack::size), m = count_before(count, i + step, Pack::size);
    Pack values = load_pack(x + i, n), others = load_pack(x + i + step, m);  // both under way at once
    tally(values, n);
    tally(others, m);
  }
  if (zeros > 0) atomicAdd(&bins[0], zeros);
  __syncthreads();
  for (int bin = thread; bin < digit.bins(); bin += threads) {
    if (bins[bin] > 0) atomicAdd(&descent->bins[bin], bins[bin]);
  }
}

/// Goes down to the bin that holds the `wanted`-th element from the top, and empties the bins. One block: a warp adds
/// up 32 bins at a time, the block finds the 32 that hold the border, and a warp its bin among them.
__global__ void __launch_bounds__(histogram_threads) descend_kernel(Digit digit, Descent* descent, Cut* cut) {
  constexpr int warps = static_cast<int>(histogram_threads) / warp_size;
  auto thread = static_cast<int>(threadIdx.x);
  int lane = thread % warp_size, warp = thread / warp_size, groups = digit.bins() / warp_size;  // at most a thread each
  auto* sums = shared_memory<std::int64_t>();  // a group each; then scratch; then two words
  std::int64_t *scratch = sums + histogram_threads, *chosen = scratch + warps;
  std::uint32_t here[most_bins / histogram_threads];
  for (int i = 0; i < static_cast<int>(std::size(here)); ++i) {  // all under way at once
    int group = i * warps + warp;
    here[i] = group < groups ? descent->bins[group * warp_size + lane] : 0;
  }
  for (int i = 0; i < static_cast<int>(std::size(here)); ++i) {
    if (i * warps >= groups) break;
    std::uint32_t sum = __reduce_add_sync(whole_warp, here[i]);
    if (lane == 0) sums[i * warps + warp] = sum;
  }
  __syncthreads();
  int group = groups - 1 - thread;  // from the top
  std::int64_t total = 0, own = group >= 0 ? sums[group] : 0, wanted = descent->wanted;
  std::int64_t before = block_prefix(own, total, scratch);
  if (before < wanted && wanted <= before + own) {  // one thread
    chosen[0] = group;
    chosen[1] = wanted - before;
  }
  __syncthreads();
  if (thread < warp_size) {
    std::int64_t bin = (chosen[0] + 1) * warp_size - 1 - lane, mine = descent->bins[bin], sum = mine;
    for (int distance = 1; distance < warp_size; distance *= 2) {
      std::int64_t other = __shfl_up_sync(whole_warp, sum, static_cast<unsigned>(distance));
      if (lane >= distance) sum += other;
    }
    if (sum - mine < chosen[1] && chosen[1] <= sum) {  // one lane
      descent->prefix |= static_cast<std::uint32_t>(bin) << digit.shift;
      descent->wanted = chosen[1] - (sum - mine);
      *cut = {.key = descent->prefix, .room = descent->wanted, .ties = mine};
    }
  }
  __syncthreads();
  for (int bin = thread; bin < digit.bins(); bin += static_cast<int>(histogram_threads)) descent->bins[bin] = 0;
}

__global__ void start_descent_kernel(std::int64_t keep, Descent* descent, Cut* cut) {
  auto thread = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  for (int bin = thread; bin < most_bins; bin += static_cast<int>(gridDim.x * blockDim.x)) descent->bins[bin] = 0;
  if (thread != 0) return;
  descent->wanted = keep;
  descent->prefix = 0;
  *cut = {.key = ~0u};  // for nothing to keep
}

__global__ void start_room_kernel(std::int64_t count, std::int64_t keep, Cut* cut) {
  cut->room = has_few_ties(*cut, keep, count) ? unlimited_room : keep;
}

/// cut.room -= elements above the border, unless they do not matter.
template <typename T>
__global__ void room_kernel(std::int64_t count, std::int64_t keep, const T* x, Cut* cut) {
  if (has_few_ties(*cut, keep, count)) return;
  std::uint32_t border = cut->key;
  std::int64_t above = 0;
  for_packs(count, [&](std::int64_t i, int n) {
    Pack values = load_pack(x + i, n);
    std::uint32_t keys[Pack::size];
    MagnitudeKeys{}(values.value, i, keys);
    for (int j = 0; j < n; ++j) above += keys[j] > border;
  });
  above = block_sum(above, shared_memory<std::int64_t>());
  if (threadIdx.x != 0) return;
  auto less = static_cast<unsigned long long>(-above);  // whole numbers modulo 2^64
  atomicAdd(reinterpret_cast<unsigned long long*>(&cut->room), less);
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

namespace {

/// The widest digit whose histogram a block's shared memory holds.
int digit_bits(const Tensor& x) {
  std::size_t most = device_limit(x, cudaDevAttrMaxSharedMemoryPerBlockOptin);
  int bits = widest_digit;
  while ((sizeof(unsigned) << bits) > most) --bits;
  return bits;
}

/// Blocks that all run at once: shared memory lets few onto a multiprocessor.
unsigned histogram_grid(const Tensor& x) {
  std::int64_t threads = (x.count() + Pack::size - 1) / Pack::size,
               at_once = device_limit(x, cudaDevAttrMultiProcessorCount);
  return static_cast<unsigned>(
      std::min((threads + histogram_threads - 1) / histogram_threads, std::min(at_once, most_blocks)));
}

}  // namespace

void cut_largest(const Tensor& x, std::int64_t keep, const Tensor& cut, const Tensor& descent) {
  auto* state = reinterpret_cast<Descent*>(descent.raw());
  auto* result = reinterpret_cast<Cut*>(cut.raw());
  launch(start_descent_kernel, grid_size(most_bins), block_size, 0, stream_of(x), keep, state, result);
  if (keep == 0) return;
  require(x.count() <= std::numeric_limits<std::uint32_t>::max(), "select", "counts up to 2^32 - 1 elements, got {}",
          x.count());
  std::size_t scratch = (histogram_threads + histogram_threads / warp_size + std::size_t{2}) * sizeof(std::int64_t);
  with_float_type(x.dtype(), "select", [&](auto type) {
    using T = decltype(type);
    int widest = digit_bits(x);
    for (int left = 31 - silent_bits<T>; left > 0;) {
      int bits = std::min(widest, left);
      left -= bits;
      Digit digit{silent_bits<T> + left, bits};
      launch(digit_histogram_kernel<T>, histogram_grid(x), histogram_threads, digit.bins() * sizeof(unsigned),
             stream_of(x), x.count(), x.data<T>(), digit, state);
      launch(descend_kernel, 1, histogram_threads, scratch, stream_of(x), digit, state, result);
    }
  });
}

void count_room(const Tensor& x, std::int64_t keep, const Tensor& cut) {
  auto* border = reinterpret_cast<Cut*>(cut.raw());
  std::size_t scratch = block_size / warp_size * sizeof(std::int64_t);
  launch(start_room_kernel, 1, 1, 0, stream_of(x), x.count(), keep, border);
  with_float_type(x.dtype(), "select", [&](auto type) {
    using T = decltype(type);
    launch(room_kernel<T>, pack_grid(x.count()), block_size, scratch, stream_of(x), x.count(), keep, x.data<T>(),
           border);
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
