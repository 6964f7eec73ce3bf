// Sum of two tensors: one pass, a pack a thread. Floor: two reads and a write.

#include <stint/kernels/cuda.cuh>

namespace stint::cuda {

template <typename T>
__global__ void add_kernel(std::int64_t count, const T* a, const T* b, T* y) {
  for_packs(count, [&](std::int64_t i, int n) {
    Pack sum = load_pack(a + i, n), other = load_pack(b + i, n);
    for (int j = 0; j < Pack::size; ++j) sum[j] += other[j];
    store_pack(y + i, sum, n);
  });
}

void add(const Tensor& a, const Tensor& b, const Tensor& y) {
  with_float_type(a.dtype(), "add", [&](auto type) {
    using T = decltype(type);
    launch(add_kernel<T>, pack_grid(y.count()), block_size, 0, stream_of(y), y.count(), a.data<T>(), b.data<T>(),
           y.data<T>());
  });
}

}  // namespace stint::cuda
