#pragma once

#include <bit>
#include <cmath>
#include <source_location>
#include <type_traits>
#include <utility>

#include "simt.h"

/// Stands in for CUDA's header of this name: what our kernels use of it, on the CPU. Everything keeps CUDA's name, in
/// the global namespace, because the kernels spell it so.

#define __global__
#define __device__
#define __host__
#define __shared__
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __launch_bounds__(...)

using cudaStream_t = void*;
enum cudaError_t { cudaSuccess = 0 };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };
enum cudaDeviceAttr { cudaDevAttrMaxSharedMemoryPerBlockOptin, cudaDevAttrMultiProcessorCount };

using dim3 = stint::simt::Dim3;
using stint::simt::blockDim;
using stint::simt::blockIdx;
using stint::simt::gridDim;
using stint::simt::threadIdx;

struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  std::size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
};

template <typename Kernel>
cudaError_t cudaFuncSetAttribute(Kernel*, cudaFuncAttribute, int) {
  return cudaSuccess;  // more than there is fails at the launch
}

inline cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  *value = attribute == cudaDevAttrMultiProcessorCount ? 3 : static_cast<int>(stint::simt::shared_on_demand);
  return cudaSuccess;
}

template <typename... Params, typename... Args>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Params...), Args&&... args) {
  auto thread = [kernel, ... copies = Params(std::forward<Args>(args))] { kernel(copies...); };
  stint::simt::run(reinterpret_cast<const void*>(kernel), config->gridDim, config->blockDim, config->dynamicSmemBytes,
                   thread);
  return cudaSuccess;
}

inline void __syncthreads(std::source_location where = std::source_location::current()) {
  stint::simt::barrier(where);
}

inline void __syncwarp(unsigned mask = 0xffffffffu, std::source_location where = std::source_location::current()) {
  stint::simt::exchange(mask, 0, stint::simt::lane(), where);
}

template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, std::source_location where = std::source_location::current()) {
  return stint::simt::exchange(mask, value, stint::simt::lane() ^ lanes, where);
}

template <typename T>
T __shfl_sync(unsigned mask, T value, int lane, std::source_location where = std::source_location::current()) {
  return stint::simt::exchange(mask, value, lane, where);
}

template <typename T>
T __shfl_up_sync(unsigned mask, T value, unsigned lanes, std::source_location where = std::source_location::current()) {
  int lane = stint::simt::lane(), source = lane - static_cast<int>(lanes);
  return stint::simt::exchange(mask, value, source < 0 ? lane : source, where);
}

inline unsigned __reduce_add_sync(unsigned mask, unsigned value,
                                  std::source_location where = std::source_location::current()) {
  for (int lanes = 16; lanes > 0; lanes /= 2) value += __shfl_xor_sync(mask, value, lanes, where);
  return value;
}

inline unsigned __ballot_sync(unsigned mask, bool value, std::source_location where = std::source_location::current()) {
  unsigned bits = unsigned{value} << stint::simt::lane();
  for (int lanes = 16; lanes > 0; lanes /= 2) bits |= __shfl_xor_sync(mask, bits, lanes, where);
  return bits;
}

/// Threads take turns, and only at barriers and exchanges: nothing comes between.
template <typename T>
T atomicAdd(T* address, T value) {
  return std::exchange(*address, *address + value);
}

inline int __popc(unsigned bits) {
  return std::popcount(bits);
}

inline int __ffs(int bits) {
  return bits == 0 ? 0 : std::countr_zero(static_cast<unsigned>(bits)) + 1;
}

inline float rsqrtf(float x) {
  return 1 / std::sqrt(x);
}

using std::isnan;
using std::sqrt;
