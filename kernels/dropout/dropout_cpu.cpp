// Dropout: one pass, 64 elements at a time: their random numbers, then a select in vector code; the forward map is also
// the backward one.

#include <stint/kernels/dispatch.h>
#include <stint/kernels/lanes.h>
#include <stint/runtime/parallel.h>
#include <stint/runtime/philox.h>

#include <algorithm>

namespace stint::cpu {

namespace {

constexpr std::int64_t stretch = 64;

/// Numbers first to first + 63 of the sequence; first is a multiple of 4.
void fill_uniform(const RandomSequence& random, std::int64_t first, float* numbers) {
  for (std::int64_t i = 0; i < stretch; i += 4) {
    auto words = random.words((first + i) / 4);
    for (int k = 0; k < 4; ++k) numbers[i + k] = RandomSequence::to_uniform(words[k]);
  }
}

}  // namespace

void dropout(const Tensor& x, const Tensor& y, float rate, RandomSequence random, bool accumulate) {
  float gain = 1 / (1 - rate);
  with_float_type(x.dtype(), "dropout", [&](auto type) {
    using T = decltype(type);
    parallel_for((x.count() + stretch - 1) / stretch, 64, [&](std::int64_t begin, std::int64_t end) {
      float numbers[stretch];
      for (std::int64_t first = begin * stretch; first < std::min(end * stretch, x.count()); first += stretch) {
        fill_uniform(random, first, numbers);
        for_lanes(std::min(stretch, x.count() - first), [&](std::int64_t i, auto n) {
          Lanes number, value;
          load(number, numbers + i);
          load(value, x.data<T>() + first + i, n);
          store(number >= rate ? value * gain : Lanes{}, y.data<T>() + first + i, n, accumulate);
        });
      }
    });
  });
}

}  // namespace stint::cpu
