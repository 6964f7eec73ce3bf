// GELU on flat memory, sixteen elements at a time. Overwrites y; dx may accumulate.

#include <stint/kernels/dispatch.h>
#include <stint/kernels/vector_math.h>
#include <stint/runtime/parallel.h>

namespace stint::cpu {

namespace {

/// Calls body(start, n) for sixteens, n a constant but for the last.
template <typename Body>
void for_all_lanes(std::int64_t count, const Body& body) {
  parallel_for(count, 8192, [&](std::int64_t begin, std::int64_t end) {
    for_lanes(end - begin, [=](std::int64_t i, auto n) { body(begin + i, n); });
  });
}

}  // namespace

void gelu_forward(const Tensor& x, const Tensor& y) {
  with_float_type(x.dtype(), "gelu", [&](auto type) {
    using T = decltype(type);
    const T* source = x.data<T>();
    T* target = y.data<T>();
    for_all_lanes(x.count(), [=](std::int64_t i, auto n) {
      Lanes v;
      load(v, source + i, n);
      Lanes cdf = v;
      vector_normal_cdf(cdf);
      raise_to(v, Lanes{} - 5.2f);  // where it stops short of 0; without, its error would be multiplied
      store(v * cdf, target + i, n);
    });
  });
}

void gelu_backward(const Tensor& x, const Tensor& dy, const Tensor& dx, bool accumulate) {
  with_float_type(x.dtype(), "gelu", [&](auto type) {
    using T = decltype(type);
    const T *source = x.data<T>(), *gradient = dy.data<T>();
    T* target = dx.data<T>();
    for_all_lanes(x.count(), [=](std::int64_t i, auto n) {
      Lanes v, d, cdf, density;
      load(v, source + i, n);
      load(d, gradient + i, n);
      vector_normal(v, cdf, density);
      store(d * (cdf + v * density), target + i, n, accumulate);
    });
  });
}

}  // namespace stint::cpu
