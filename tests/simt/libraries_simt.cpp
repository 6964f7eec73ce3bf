// Stands in for cuBLASLt and cuDNN where kernels run on the CPU: the same interfaces, by definition.

#include <stint/kernels/conv2d/conv2d_plain.h>
#include <stint/kernels/conv2d/cudnn.h>
#include <stint/kernels/cublaslt.h>
#include <stint/kernels/linear/linear_plain.h>

#include "simt.h"

namespace stint::cublaslt {

void open() {}

std::size_t workspace(const Product&) {
  return 512;
}

void run(const Product& p, const Tensor& a, const Tensor& b, const Tensor& c, const Tensor& bias, const Tensor&) {
  simt::DeviceAccess access;
  with_float_type(p.ab, "product", [&](auto ab) {
    with_float_type(p.c, "product", [&](auto to) {
      using AB = decltype(ab);
      using C = decltype(to);
      plain::product(p.m, p.n, p.k, a.data<AB>(), p.transpose_a ? 1 : p.k, p.transpose_a ? p.m : 1, b.data<AB>(),
                     p.transpose_b ? 1 : p.n, p.transpose_b ? p.k : 1, c.data<C>(), p.accumulate,
                     bias ? bias.data<C>() : nullptr);
    });
  });
}

}  // namespace stint::cublaslt

namespace stint::cudnn {

void open() {}

std::size_t workspace(const ConvCase&, ConvPass) {
  return 1024;
}

void run(const ConvCase& c, ConvPass pass, const Tensor& x, const Tensor& weight, const Tensor& y, const Tensor&) {
  simt::DeviceAccess access;
  with_float_type(c.x.dtype, "conv2d", [&](auto type) {
    using T = decltype(type);
    plain::convolve(c, pass, x.data<T>(), weight.data<T>(), y.data<T>(), false);
  });
}

}  // namespace stint::cudnn
