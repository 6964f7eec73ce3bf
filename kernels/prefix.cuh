#pragma once

#include <stint/kernels/cuda.cuh>

/// Sums over the threads before each one.
namespace stint::cuda {

/// The sum of `value` over the threads of the block before this one; `total` becomes that over all. A block of whole
/// warps. `scratch`: a T a warp of shared memory.
template <typename T>
__device__ T block_prefix(T value, T& total, T* scratch) {
  auto lane = threadIdx.x % warp_size, warp = threadIdx.x / warp_size;
  T sum = value;
  for (unsigned distance = 1; distance < warp_size; distance *= 2) {
    T other = __shfl_up_sync(whole_warp, sum, distance);
    if (lane >= distance) sum += other;
  }
  __syncthreads();  // whoever still reads an earlier sum
  if (lane == warp_size - 1) scratch[warp] = sum;
  __syncthreads();
  T before = 0;
  total = 0;
  for (unsigned w = 0; w < blockDim.x / warp_size; ++w) {
    if (w < warp) before += scratch[w];
    total += scratch[w];
  }
  return before + sum - value;
}

}  // namespace stint::cuda
