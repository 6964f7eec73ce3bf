// Stochastic depth: one pass, a sample at a time; the forward map is also the backward one.

#include <stint/kernels/dispatch.h>
#include <stint/runtime/parallel.h>
#include <stint/runtime/philox.h>

namespace stint::cpu {

void drop_path(const Tensor& x, const Tensor& y, float rate, RandomSequence random, bool accumulate) {
  std::int64_t samples = x.shape()[0], size = x.count() / std::max<std::int64_t>(samples, 1);
  with_float_type(x.dtype(), "drop_path", [&](auto type) {
    using T = decltype(type);
    parallel_for(samples, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t n = begin; n < end; ++n) {
        float gain = random.uniform(n) >= rate ? 1 / (1 - rate) : 0;
        const T* in = x.data<T>() + n * size;
        T* out = y.data<T>() + n * size;
        for (std::int64_t i = 0; i < size; ++i) {
          float value = gain == 0 ? 0.0f : gain * float(in[i]);
          out[i] = accumulate ? float(out[i]) + value : value;
        }
      }
    });
  });
}

}  // namespace stint::cpu
