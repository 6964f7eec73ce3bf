// GELU on flat memory, a stretch at a time as floats, by functions that become vector code. Overwrites y; dx may
// accumulate.

#include <stint/kernels/dispatch.h>
#include <stint/kernels/float_block.h>
#include <stint/kernels/vector_math.h>
#include <stint/runtime/parallel.h>

namespace stint::cpu {

namespace {

constexpr std::int64_t stretch = 512;

template <typename Body>
void for_stretches(std::int64_t count, const Body& body) {
  parallel_for((count + stretch - 1) / stretch, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) body(i * stretch, std::min(stretch, count - i * stretch));
  });
}

}  // namespace

void gelu_forward(const Tensor& x, const Tensor& y) {
  with_float_type(x.dtype(), "gelu", [&](auto type) {
    using T = decltype(type);
    for_stretches(x.count(), [&](std::int64_t start, std::int64_t count) {
      float scratch[stretch], out[stretch];
      const float* in = as_floats(x.data<T>() + start, count, scratch);
      for (std::int64_t i = 0; i < count; ++i) out[i] = in[i] * vector_normal_cdf(in[i]);
      store_floats(out, count, y.data<T>() + start);
    });
  });
}

void gelu_backward(const Tensor& x, const Tensor& dy, const Tensor& dx, bool accumulate) {
  constexpr float density_at_zero = 0.398942280f;
  with_float_type(x.dtype(), "gelu", [&](auto type) {
    using T = decltype(type);
    for_stretches(x.count(), [&](std::int64_t start, std::int64_t count) {
      float scratch[stretch], gradients[stretch], out[stretch];
      const float* in = as_floats(x.data<T>() + start, count, scratch);
      const float* d = as_floats(dy.data<T>() + start, count, gradients);
      for (std::int64_t i = 0; i < count; ++i) {
        float density = density_at_zero * vector_exp(-0.5f * in[i] * in[i]);
        out[i] = d[i] * (vector_normal_cdf(in[i]) + in[i] * density);
      }
      store_floats(out, count, dx.data<T>() + start, accumulate);
    });
  });
}

}  // namespace stint::cpu
