#pragma once

#include <stint/kernels/cuda_stream.h>
#include <stint/kernels/dispatch.h>
#include <stint/runtime/cuda_driver.h>

#include <bit>
#include <cstdint>

/// The vocabulary of our CUDA kernels: how they are launched, how they walk memory, how they add up. Tests compile the
/// same files as plain C++ and run a block's threads as fibers (tests/simt), so nothing here is spelled in a way that
/// only nvcc understands. Kernels are named *_kernel and live in a named namespace: the tests list them.
namespace stint::cuda {

inline constexpr std::size_t shared_by_default = 48 * 1024;  // bytes a block may have without asking

/// The only way to start a kernel. `shared`: bytes of shared memory a block. An empty grid does nothing.
template <typename... Params, typename... Args>
void launch(void (*kernel)(Params...), dim3 grid, dim3 block, std::size_t shared, cudaStream_t stream, Args&&... args) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  if (shared > shared_by_default) {
    cuda_driver::check(
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)), "launch");
  }
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared;
  config.stream = stream;
  cuda_driver::check(cudaLaunchKernelEx(&config, kernel, std::forward<Args>(args)...), "launch");
  check_launch(stream);
}

inline constexpr unsigned block_size = 256;

/// Enough blocks to fill any GPU. Tests lower it, so that small tensors are walked as large ones are.
inline std::int64_t most_blocks = 2048;

/// Blocks for `items` threads that walk memory with a stride of the whole grid.
inline unsigned grid_size(std::int64_t items) {
  return static_cast<unsigned>(std::min(most_blocks, (items + block_size - 1) / block_size));
}

/// What the device of a tensor can.
inline int device_limit(const Tensor& tensor, cudaDeviceAttr attribute) {
  int value = 0;
  cuda_driver::check(cudaDeviceGetAttribute(&value, attribute, tensor.device().index), "ask the device");
  return value;
}

/// How many of `most` elements from `first` on are before `end`.
__device__ inline int count_before(std::int64_t end, std::int64_t first, int most) {
  std::int64_t left = end - first;
  return left < 0 ? 0 : left < most ? static_cast<int>(left) : most;
}

/// Neighbouring elements that one thread handles together, as floats: 16 bytes of bf16, and a byte of a mask.
struct Pack {
  static constexpr int size = 8;
  float value[size];

  __device__ float& operator[](int i) { return value[i]; }
  __device__ float operator[](int i) const { return value[i]; }
};

inline unsigned pack_grid(std::int64_t elements) {
  return grid_size((elements + Pack::size - 1) / Pack::size);
}

/// Calls body(first element, number of elements) for the packs of [0, count) that are this thread's.
template <typename Body>
__device__ void for_packs(std::int64_t count, const Body& body) {
  std::int64_t step = std::int64_t{gridDim.x} * blockDim.x * Pack::size;
  std::int64_t i = (std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x) * Pack::size;
  for (; i < count; i += step) body(i, count - i < Pack::size ? static_cast<int>(count - i) : Pack::size);
}

/// Blocks for `for_channel_packs` over so many positions.
inline unsigned channel_pack_grid(std::int64_t positions, std::int64_t channels) {
  return grid_size(positions * ((channels + Pack::size - 1) / Pack::size));
}

/// Calls body(position, first channel, number of channels) for this thread's packs of a matrix [positions, channels]; a
/// pack never spans two positions. Neighbouring threads have neighbouring channels.
template <typename Body>
__device__ void for_channel_packs(std::int64_t positions, int channels, const Body& body) {
  int packs = (channels + Pack::size - 1) / Pack::size;
  std::int64_t step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < positions * packs; i += step) {
    int c = static_cast<int>(i % packs) * Pack::size;
    body(i / packs, c, channels - c < Pack::size ? channels - c : Pack::size);
  }
}

/// bf16 by the hardware's own conversion where there is one; both round to nearest even, and have one NaN for all.
__device__ inline bfloat16 to_bfloat16(float value) {
#ifdef __CUDA_ARCH__
  bfloat16 result;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
  return result;
#else
  return isnan(value) ? std::bit_cast<bfloat16>(std::uint16_t{0x7fff}) : bfloat16(value);
#endif
}

template <typename T>
__device__ T to(float value) {
  if constexpr (std::is_same_v<T, bfloat16>) {
    return to_bfloat16(value);
  } else {
    return value;
  }
}

/// 16 bytes: the widest access to memory.
struct alignas(16) Quad {
  std::uint32_t word[4];
};

/// What a pack of T is in memory.
template <typename T>
struct alignas(16) PackMemory {
  Quad quad[Pack::size * sizeof(T) / sizeof(Quad)];
};

__device__ inline bool is_aligned(const void* address) {
  return reinterpret_cast<std::uintptr_t>(address) % sizeof(Quad) == 0;
}

/// The `n` elements from `from` on; zeros behind them.
template <typename T>
__device__ Pack load_pack(const T* from, int n = Pack::size) {
  Pack pack;
  if (n == Pack::size && is_aligned(from)) {
    struct Elements {
      T value[Pack::size];
    };
    auto elements = std::bit_cast<Elements>(*reinterpret_cast<const PackMemory<T>*>(from));
    for (int j = 0; j < Pack::size; ++j) pack[j] = elements.value[j];
  } else {
    for (int j = 0; j < Pack::size; ++j) pack[j] = j < n ? static_cast<float>(from[j]) : 0.0f;
  }
  return pack;
}

/// to <- pack, or to <- to + pack, `n` elements.
template <typename T>
__device__ void store_pack(T* target, Pack pack, int n = Pack::size, bool accumulate = false) {
  if (accumulate) {
    Pack old = load_pack(target, n);
    for (int j = 0; j < Pack::size; ++j) pack[j] += old[j];
  }
  if (n == Pack::size && is_aligned(target)) {
    struct Elements {
      T value[Pack::size];
    } elements;
    for (int j = 0; j < Pack::size; ++j) elements.value[j] = to<T>(pack[j]);
    *reinterpret_cast<PackMemory<T>*>(target) = std::bit_cast<PackMemory<T>>(elements);
  } else {
    for (int j = 0; j < Pack::size; ++j) {
      if (j < n) target[j] = to<T>(pack[j]);
    }
  }
}

/// The bits of a one-bit mask for the `n` elements from `i` on, which may start inside a byte.
__device__ inline unsigned load_mask(const std::uint8_t* mask, std::int64_t i, int n = Pack::size) {
  auto shift = static_cast<int>(i % 8);
  unsigned bits = mask[i / 8];
  if (shift + n > 8) bits |= unsigned{mask[i / 8 + 1]} << 8;
  return bits >> shift;
}

/// This block's shared memory. It is always asked for at the launch, so that its size stands in one place.
template <typename T>
__device__ T* shared_memory() {
  extern __shared__ __align__(16) unsigned char stint_shared[];
  return reinterpret_cast<T*>(stint_shared);
}

inline constexpr int warp_size = 32;
inline constexpr unsigned whole_warp = 0xffffffffu;

/// The sum over a warp, in every lane; always added in the same order.
template <typename T>
__device__ T warp_sum(T value) {
  for (int distance = warp_size / 2; distance > 0; distance /= 2) {
    value += __shfl_xor_sync(whole_warp, value, distance);
  }
  return value;
}

template <typename T>
__device__ T warp_max(T value) {
  for (int distance = warp_size / 2; distance > 0; distance /= 2) {
    T other = __shfl_xor_sync(whole_warp, value, distance);
    value = other > value ? other : value;
  }
  return value;
}

/// Calls body(row) for the rows of this thread's warp.
template <typename Body>
__device__ void for_warp_rows(std::int64_t rows, const Body& body) {
  unsigned warps = blockDim.x / warp_size;
  for (std::int64_t row = std::int64_t{blockIdx.x} * warps + threadIdx.x / warp_size; row < rows;
       row += std::int64_t{gridDim.x} * warps) {
    body(row);
  }
}

/// The sum over a block of whole warps, in every thread. `scratch`: a T a warp of shared memory.
template <typename T>
__device__ T block_sum(T value, T* scratch) {
  value = warp_sum(value);
  __syncthreads();  // whoever still reads an earlier sum
  if (threadIdx.x % warp_size == 0) scratch[threadIdx.x / warp_size] = value;
  __syncthreads();
  T sum = 0;
  for (unsigned warp = 0; warp < blockDim.x / warp_size; ++warp) sum += scratch[warp];
  return sum;
}

}  // namespace stint::cuda
