// Linear layers on the CPU without a library, for builds without oneDNN.

#include <stint/kernels/linear/linear_kernels.h>
#include <stint/kernels/linear/linear_plain.h>

namespace stint::cpu {

std::size_t linear_workspace(const LinearCase&, LinearPass, const Tensor&, bool) {
  return 0;
}

void linear_forward(const LinearCase& c, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y,
                    const Tensor&) {
  with_float_type(c.dtype, "linear", [&](auto type) {
    using T = decltype(type);
    plain::product(c.rows, c.out, c.in, x.data<T>(), c.in, 1, weight.data<T>(), 1, c.in, y.data<T>(), false,
                   bias ? bias.data<float>() : nullptr);
  });
}

void linear_backward_data(const LinearCase& c, const Tensor& dy, const Tensor& weight, const Tensor& dx,
                          bool accumulate, const Tensor&) {
  const float* no_bias = nullptr;
  with_float_type(c.dtype, "linear", [&](auto type) {
    using T = decltype(type);
    plain::product(c.rows, c.in, c.out, dy.data<T>(), c.out, 1, weight.data<T>(), c.in, 1, dx.data<T>(), accumulate,
                   no_bias);
  });
}

void linear_backward_weights(const LinearCase& c, const Tensor& x, const Tensor& dy, const Tensor& dweight,
                             bool accumulate_weight, const Tensor& dbias, bool accumulate_bias, const Tensor&) {
  const float* no_bias = nullptr;
  with_float_type(c.dtype, "linear", [&](auto type) {
    using T = decltype(type);
    plain::product(c.out, c.in, c.rows, dy.data<T>(), 1, c.out, x.data<T>(), c.in, 1, dweight.data<float>(),
                   accumulate_weight, no_bias);
    if (!dbias) return;
    if (!accumulate_bias) dbias.zero();
    for (std::int64_t i = 0; i < dy.count(); ++i) dbias.data<float>()[i % c.out] += float(dy.data<T>()[i]);
  });
}

}  // namespace stint::cpu
