// Stochastic depth: one pass, a thread a pack of a sample; the forward map is also the backward one.

#include <stint/runtime/philox.h>
#include <stint/kernels/cuda.cuh>

namespace stint::cuda {

template <typename T>
__global__ void drop_path_kernel(std::int64_t samples, int size, const T* x, T* y, float rate, RandomSequence random,
                                 bool accumulate) {
  for_channel_packs(samples, size, [&](std::int64_t sample, int i, int n) {
    auto words = random.words(sample / 4);
    bool kept = RandomSequence::to_uniform(words[sample % 4]) >= rate;
    Pack value{};
    if (kept) value = load_pack(x + sample * size + i, n);
    for (int j = 0; j < Pack::size; ++j) value[j] *= 1 / (1 - rate);
    store_pack(y + sample * size + i, value, n, accumulate);
  });
}

void drop_path(const Tensor& x, const Tensor& y, float rate, RandomSequence random, bool accumulate) {
  std::int64_t samples = x.shape()[0], size = x.count() / std::max<std::int64_t>(samples, 1);
  with_float_type(x.dtype(), "drop_path", [&](auto type) {
    using T = decltype(type);
    launch(drop_path_kernel<T>, channel_pack_grid(samples, size), block_size, 0, stream_of(x), samples,
           static_cast<int>(size), x.data<T>(), y.data<T>(), rate, random, accumulate);
  });
}

}  // namespace stint::cuda
