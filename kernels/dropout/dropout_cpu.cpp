// Dropout: one pass, four elements a Philox block; the forward map is also the backward one.

#include <stint/kernels/dispatch.h>
#include <stint/runtime/parallel.h>
#include <stint/runtime/philox.h>

namespace stint::cpu {

void dropout(const Tensor& x, const Tensor& y, float rate, RandomSequence random, bool accumulate) {
  float gain = 1 / (1 - rate);
  with_float_type(x.dtype(), "dropout", [&](auto type) {
    using T = decltype(type);
    const T* source = x.data<T>();
    T* target = y.data<T>();
    parallel_for((x.count() + 3) / 4, 1024, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t block = begin; block < end; ++block) {
        auto words = random.words(block);
        std::int64_t last = std::min<std::int64_t>(x.count(), block * 4 + 4);
        for (std::int64_t i = block * 4; i < last; ++i) {
          bool kept = RandomSequence::to_uniform(words[i % 4]) >= rate;
          float value = kept ? gain * float(source[i]) : 0.0f;
          target[i] = accumulate ? float(target[i]) + value : value;
        }
      }
    });
  });
}

}  // namespace stint::cpu
