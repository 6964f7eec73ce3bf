// Flat vector arithmetic: one pass, memory-bound, computed in f32. The norm adds up in double, thread by thread, block
// by block, in an order that depends on the count alone.

#include <stint/kernels/cuda.cuh>

namespace stint::cuda {

/// y <- x, or y <- y + x
template <typename From, typename To>
__global__ void add_to_kernel(std::int64_t count, const From* x, To* y, bool accumulate) {
  for_packs(count, [&](std::int64_t i, int n) { store_pack(y + i, load_pack(x + i, n), n, accumulate); });
}

template <typename From, typename To>
__global__ void axpy_kernel(std::int64_t count, float a, const From* x, To* y) {
  for_packs(count, [&](std::int64_t i, int n) {
    Pack values = load_pack(x + i, n);
    for (int j = 0; j < Pack::size; ++j) values[j] *= a;
    store_pack(y + i, values, n, true);
  });
}

template <typename T>
__global__ void scale_kernel(std::int64_t count, float a, T* x) {
  for_packs(count, [&](std::int64_t i, int n) {
    Pack values = load_pack(x + i, n);
    for (int j = 0; j < Pack::size; ++j) values[j] *= a;
    store_pack(x + i, values, n);
  });
}

/// y[places[i]] <- y[places[i]] + a * x[i]
__global__ void scatter_add_kernel(std::int64_t count, float a, const float* x, const std::int32_t* places, float* y) {
  std::int64_t step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) {
    y[places[i]] += a * x[i];
  }
}

/// sums[block] <- the block's share of the sum of squares
template <typename T>
__global__ void squared_norm_kernel(std::int64_t count, const T* x, double* sums) {
  double sum = 0;
  for_packs(count, [&](std::int64_t i, int n) {
    Pack values = load_pack(x + i, n);
    for (int j = 0; j < Pack::size; ++j) sum += double(values[j]) * values[j];
  });
  sum = block_sum(sum, shared_memory<double>());
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

/// sums[0] <- sum of all; one block
__global__ void total_kernel(int count, double* sums) {
  double sum = 0;
  for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(blockDim.x)) sum += sums[i];
  sum = block_sum(sum, shared_memory<double>());
  if (threadIdx.x == 0) sums[0] = sum;
}

void add_to(const Tensor& x, const Tensor& y, bool accumulate) {
  with_float_type(x.dtype(), "add_to", [&](auto from) {
    with_float_type(y.dtype(), "add_to", [&](auto to) {
      using From = decltype(from);
      using To = decltype(to);
      launch(add_to_kernel<From, To>, pack_grid(x.count()), block_size, 0, stream_of(x), x.count(), x.data<From>(),
             y.data<To>(), accumulate);
    });
  });
}

void axpy(float a, const Tensor& x, const Tensor& y) {
  with_float_type(x.dtype(), "axpy", [&](auto from) {
    with_float_type(y.dtype(), "axpy", [&](auto to) {
      using From = decltype(from);
      using To = decltype(to);
      launch(axpy_kernel<From, To>, pack_grid(x.count()), block_size, 0, stream_of(x), x.count(), a, x.data<From>(),
             y.data<To>());
    });
  });
}

void scale(float a, const Tensor& x) {
  with_float_type(x.dtype(), "scale", [&](auto type) {
    using T = decltype(type);
    launch(scale_kernel<T>, pack_grid(x.count()), block_size, 0, stream_of(x), x.count(), a, x.data<T>());
  });
}

void scatter_add(float a, const Tensor& x, const Tensor& places, const Tensor& y) {
  launch(scatter_add_kernel, grid_size(x.count()), block_size, 0, stream_of(y), x.count(), a, x.data<float>(),
         places.data<std::int32_t>(), y.data<float>());
}

void squared_norm(const Tensor& x, double& result) {
  result = 0;
  if (x.count() == 0) return;
  unsigned blocks = pack_grid(x.count());
  Tensor workspace = make_workspace(blocks * sizeof(double), x.device());
  auto* sums = reinterpret_cast<double*>(workspace.raw());
  std::size_t scratch = block_size / warp_size * sizeof(double);
  with_float_type(x.dtype(), "norm", [&](auto type) {
    using T = decltype(type);
    launch(squared_norm_kernel<T>, blocks, block_size, scratch, stream_of(x), x.count(), x.data<T>(), sums);
  });
  launch(total_kernel, 1, block_size, scratch, stream_of(x), static_cast<int>(blocks), sums);
  Tensor total = workspace.slice(0, sizeof(double)).copy_to(Device::cpu());
  result = *reinterpret_cast<const double*>(total.raw());
}

}  // namespace stint::cuda
