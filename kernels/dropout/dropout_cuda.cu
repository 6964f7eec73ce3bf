// Dropout: one pass, two Philox blocks a pack; the forward map is also the backward one. Nothing is saved. Floor: a
// read and a write; Philox costs some 25 integer operations an element, below that.

#include <stint/runtime/philox.h>
#include <stint/kernels/cuda.cuh>

namespace stint::cuda {

template <typename T>
__global__ void dropout_kernel(std::int64_t count, const T* x, T* y, float rate, RandomSequence random,
                               bool accumulate) {
  float gain = 1 / (1 - rate);
  for_packs(count, [&](std::int64_t i, int n) {
    Pack values = load_pack(x + i, n);
    auto low = random.words(i / 4), high = random.words(i / 4 + 1);
    for (int j = 0; j < Pack::size; ++j) {
      bool kept = RandomSequence::to_uniform(j < 4 ? low[j] : high[j - 4]) >= rate;
      values[j] = kept ? gain * values[j] : 0.0f;
    }
    store_pack(y + i, values, n, accumulate);
  });
}

void dropout(const Tensor& x, const Tensor& y, float rate, RandomSequence random, bool accumulate) {
  with_float_type(x.dtype(), "dropout", [&](auto type) {
    using T = decltype(type);
    launch(dropout_kernel<T>, pack_grid(x.count()), block_size, 0, stream_of(x), x.count(), x.data<T>(), y.data<T>(),
           rate, random, accumulate);
  });
}

}  // namespace stint::cuda
