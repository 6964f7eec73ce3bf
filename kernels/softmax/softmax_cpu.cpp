// Softmax on the CPU: rows in parallel; a row is read from memory once, forward and backward. Everything is
// overwritten; dx may accumulate.

#include <stint/kernels/dispatch.h>
#include <stint/kernels/exponentials.h>
#include <stint/kernels/float_block.h>
#include <stint/runtime/parallel.h>

#include <algorithm>
#include <vector>

namespace stint::cpu {

namespace {

/// Calls body(row, C floats of scratch memory three times and a few more) for every row of [...,C].
template <typename Body>
void for_rows(const Tensor& x, const Body& body) {
  std::int64_t channels = x.shape()[-1];
  std::int64_t grain = std::max<std::int64_t>(1, 16384 / channels);
  parallel_for(x.count() / channels, grain, [&](std::int64_t begin, std::int64_t end) {
    thread_local std::vector<float> scratch;  // kept from call to call
    if (std::ssize(scratch) < 3 * channels + lane_count) scratch.resize(3 * channels + lane_count);
    for (std::int64_t row = begin; row < end; ++row) body(row, scratch.data());
  });
}

}  // namespace

void softmax_forward(const Tensor& x, const Tensor& y) {
  std::int64_t channels = x.shape()[-1];
  with_float_type(x.dtype(), "softmax", [&](auto type) {
    using T = decltype(type);
    for_rows(x, [&](std::int64_t row, float* scratch) {
      const float* in = as_floats(x.data<T>() + row * channels, channels, scratch);
      float* out = scratch + channels;
      float scale = 1 / exponentials(in, channels, largest_of(in, channels), out);
      for (std::int64_t c = 0; c < channels; ++c) out[c] *= scale;
      store_floats(out, channels, y.data<T>() + row * channels);
    });
  });
}

void softmax_backward(const Tensor& y, const Tensor& dy, const Tensor& dx, bool accumulate) {
  std::int64_t channels = y.shape()[-1];
  with_float_type(y.dtype(), "softmax", [&](auto type) {
    using T = decltype(type);
    for_rows(y, [&](std::int64_t row, float* scratch) {
      const float* p = as_floats(y.data<T>() + row * channels, channels, scratch);
      const float* d = as_floats(dy.data<T>() + row * channels, channels, scratch + channels);
      float* out = scratch + 2 * channels;
      float mean = sum_of(channels, [&](std::int64_t c) { return p[c] * d[c]; });
      for (std::int64_t c = 0; c < channels; ++c) out[c] = p[c] * (d[c] - mean);
      store_floats(out, channels, dx.data<T>() + row * channels, accumulate);
    });
  });
}

}  // namespace stint::cpu
