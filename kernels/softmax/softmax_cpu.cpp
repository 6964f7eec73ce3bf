// Softmax on the CPU: rows in parallel; a row is read from memory once, forward and backward. Everything is
// overwritten; dx may accumulate.

#include <stint/kernels/dispatch.h>
#include <stint/kernels/exponentials.h>
#include <stint/runtime/parallel.h>

#include <algorithm>

namespace stint::cpu {

namespace {

/// Calls body(row) for every row of [...,C].
template <typename Body>
void for_rows(const Tensor& x, const Body& body) {
  std::int64_t channels = x.shape()[-1];
  std::int64_t grain = std::max<std::int64_t>(1, 16384 / channels);
  parallel_for(x.count() / channels, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) body(row);
  });
}

}  // namespace

void softmax_forward(const Tensor& x, const Tensor& y) {
  std::int64_t channels = x.shape()[-1];
  with_float_type(x.dtype(), "softmax", [&](auto type) {
    using T = decltype(type);
    for_rows(x, [&](std::int64_t row) {
      const T* in = x.data<T>() + row * channels;
      T* out = y.data<T>() + row * channels;
      float* powers = row_of_floats(channels);
      float scale = 1 / exponentials(in, channels, largest_of(in, channels), powers);
      for_lanes(channels, [&](std::int64_t i, auto n) {
        Lanes power;
        load(power, powers + i);
        store(power * scale, out + i, n);
      });
    });
  });
}

void softmax_backward(const Tensor& y, const Tensor& dy, const Tensor& dx, bool accumulate) {
  std::int64_t channels = y.shape()[-1];
  with_float_type(y.dtype(), "softmax", [&](auto type) {
    using T = decltype(type);
    for_rows(y, [&](std::int64_t row) {
      const T *p = y.data<T>() + row * channels, *d = dy.data<T>() + row * channels;
      T* out = dx.data<T>() + row * channels;
      Lanes probability, gradient, products{};
      auto load_both = [&](std::int64_t i, auto n) {
        load(probability, p + i, n);
        load(gradient, d + i, n);
      };
      for_lanes(channels, [&](std::int64_t i, auto n) {
        load_both(i, n);
        products += probability * gradient;
      });
      float mean = sum_of(products);
      for_lanes(channels, [&](std::int64_t i, auto n) {
        load_both(i, n);
        store(probability * (gradient - mean), out + i, n, accumulate);
      });
    });
  });
}

}  // namespace stint::cpu
