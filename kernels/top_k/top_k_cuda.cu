// Selection by bisection on the magnitudes' bits: one pass a bit counts how many elements lie at or above a candidate,
// and one thread decides the bit, so 31 passes leave the k-th magnitude exactly. Then every block counts what it will
// take, one thread turns the counts into where each block writes, and the blocks write in the order of places.

#include <stint/kernels/top_k/top_k.h>
#include <stint/kernels/cuda.cuh>

namespace stint::cuda {

/// What one round of bisection leaves to the next.
struct Bisection {
  std::uint32_t found;  // the bits of the k-th magnitude that are decided
  long long above;      // elements larger than it
};

/// A block's stretch of x and what it takes of it.
struct Share {
  long long above;
  long long equal;
};

__device__ inline std::uint32_t magnitude(float value) {
  return std::bit_cast<std::uint32_t>(value) & 0x7fffffffu;
}

/// counts[block] <- elements of magnitude `found` with bit `bit` set, or more
__global__ void count_above_kernel(std::int64_t count, const float* x, const Bisection* state, int bit,
                                   long long* counts) {
  std::uint32_t candidate = state->found | 1u << bit;
  std::int64_t step = std::int64_t{gridDim.x} * blockDim.x;
  long long above = 0;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) {
    above += magnitude(x[i]) >= candidate;
  }
  above = block_sum(above, shared_memory<long long>());
  if (threadIdx.x == 0) counts[blockIdx.x] = above;
}

/// Keeps the bit if at least k elements have it; bit 31 starts.
__global__ void decide_bit_kernel(int blocks, const long long* counts, std::int64_t k, int bit, Bisection* state) {
  if (bit == 31) {
    *state = {0, 0};
    return;
  }
  long long above = 0;
  for (int b = 0; b < blocks; ++b) above += counts[b];
  if (above >= k) {
    state->found |= 1u << bit;
  } else {
    state->above = above;  // the last refused candidate is the threshold's successor
  }
}

/// The stretch of x that a block looks after.
__device__ inline std::int64_t stretch_begin(std::int64_t count, unsigned block) {
  return count * block / gridDim.x;
}

__global__ void count_shares_kernel(std::int64_t count, const float* x, const Bisection* state, Share* shares) {
  auto* scratch = shared_memory<long long>();
  std::int64_t end = stretch_begin(count, blockIdx.x + 1);
  long long above = 0, equal = 0;
  for (std::int64_t i = stretch_begin(count, blockIdx.x) + threadIdx.x; i < end; i += blockDim.x) {
    above += magnitude(x[i]) > state->found;
    equal += magnitude(x[i]) == state->found;
  }
  above = block_sum(above, scratch);
  equal = block_sum(equal, scratch);
  if (threadIdx.x == 0) shares[blockIdx.x] = {above, equal};
}

/// Counts become what stands before each block.
__global__ void place_shares_kernel(int blocks, Share* shares) {
  Share before{0, 0};
  for (int b = 0; b < blocks; ++b) {
    Share share = shares[b];
    shares[b] = before;
    before = {before.above + share.above, before.equal + share.equal};
  }
}

/// The number of threads of the block before this one for which `flag` holds; `total`: of all.
__device__ inline int rank_in_block(bool flag, int* scratch, int* total) {
  __syncthreads();
  scratch[threadIdx.x] = flag;
  __syncthreads();
  int before = 0, all = 0;
  for (unsigned t = 0; t < blockDim.x; ++t) {
    before += t < threadIdx.x ? scratch[t] : 0;
    all += scratch[t];
  }
  *total = all;
  return before;
}

__global__ void take_kernel(std::int64_t count, const float* x, std::int64_t k, const Bisection* state,
                            const Share* shares, float* values, std::int32_t* places) {
  auto* scratch = shared_memory<int>();
  std::int64_t begin = stretch_begin(count, blockIdx.x), end = stretch_begin(count, blockIdx.x + 1);
  long long above = shares[blockIdx.x].above, equal = shares[blockIdx.x].equal, most_equal = k - state->above;
  for (std::int64_t from = begin; from < end; from += blockDim.x) {
    std::int64_t i = from + threadIdx.x;
    std::uint32_t m = i < end ? magnitude(x[i]) : 0;
    int all_above = 0, all_equal = 0;
    bool is_above = i < end && m > state->found, is_equal = i < end && m == state->found;
    long long my_above = above + rank_in_block(is_above, scratch, &all_above);
    long long my_equal = equal + rank_in_block(is_equal, scratch, &all_equal);
    if (is_above || (is_equal && my_equal < most_equal)) {
      long long slot = my_above + (my_equal < most_equal ? my_equal : most_equal);
      values[slot] = x[i];
      places[slot] = static_cast<std::int32_t>(i);
    }
    above += all_above;
    equal += all_equal;
  }
}

__global__ void scatter_add_kernel(std::int64_t count, const float* values, const std::int32_t* places, float factor,
                                   float* y) {
  std::int64_t step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) {
    y[places[i]] += factor * values[i];
  }
}

namespace {

constexpr unsigned most_stretches = 512;

unsigned stretches(std::int64_t count) {
  return std::min(most_stretches, grid_size(count));
}

}  // namespace

std::size_t top_k_workspace(std::int64_t count) {
  return sizeof(Bisection) + stretches(count) * (sizeof(long long) + sizeof(Share));
}

void top_k(const Tensor& x, const Tensor& values, const Tensor& places, const Tensor& workspace) {
  std::int64_t k = values.count();
  if (k == 0) return;
  unsigned blocks = stretches(x.count());
  auto* state = reinterpret_cast<Bisection*>(workspace.raw());
  auto* counts = reinterpret_cast<long long*>(state + 1);
  auto* shares = reinterpret_cast<Share*>(counts + blocks);
  cudaStream_t stream = stream_of(x);
  std::size_t scratch = block_size / warp_size * sizeof(long long);
  const float* source = x.data<float>();
  launch(decide_bit_kernel, 1, 1, 0, stream, 0, counts, k, 31, state);
  for (int bit = 30; bit >= 0; --bit) {
    launch(count_above_kernel, blocks, block_size, scratch, stream, x.count(), source, state, bit, counts);
    launch(decide_bit_kernel, 1, 1, 0, stream, static_cast<int>(blocks), counts, k, bit, state);
  }
  launch(count_shares_kernel, blocks, block_size, scratch, stream, x.count(), source, state, shares);
  launch(place_shares_kernel, 1, 1, 0, stream, static_cast<int>(blocks), shares);
  launch(take_kernel, blocks, block_size, block_size * sizeof(int), stream, x.count(), source, k, state, shares,
         values.data<float>(), places.data<std::int32_t>());
}

void scatter_add(const Tensor& values, const Tensor& places, float factor, const Tensor& y) {
  launch(scatter_add_kernel, grid_size(values.count()), block_size, 0, stream_of(y), values.count(),
         values.data<float>(), places.data<std::int32_t>(), factor, y.data<float>());
}

}  // namespace stint::cuda
