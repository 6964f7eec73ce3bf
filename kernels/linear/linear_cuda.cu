// Linear layers on CUDA: three products by cuBLASLt, the bias in its epilogue (converted to y's dtype first, because
// that is what the epilogue takes), the bias gradient by our own sums.

#include <stint/kernels/cublaslt.h>
#include <stint/kernels/linear/linear_kernels.h>
#include <stint/kernels/vector/vector.h>
#include <stint/kernels/bias.cuh>

namespace stint::cuda {

namespace {

cublaslt::Product product_of(const LinearCase& c, LinearPass pass, bool accumulate) {
  switch (pass) {
    case LinearPass::forward:  // y = x * weight^T
      return {.m = c.rows, .n = c.out, .k = c.in, .transpose_b = true, .ab = c.dtype, .c = c.dtype, .bias = c.bias};
    case LinearPass::backward_data:  // dx = dy * weight
      return {.m = c.rows, .n = c.in, .k = c.out, .ab = c.dtype, .c = c.dtype, .accumulate = accumulate};
    case LinearPass::backward_weights:  // dweight = dy^T * x
      break;
  }
  return {.m = c.out, .n = c.in, .k = c.rows, .transpose_a = true, .ab = c.dtype, .accumulate = accumulate};
}

}  // namespace

std::size_t linear_workspace(const LinearCase& c, LinearPass pass, const Tensor&, bool accumulate) {
  return cublaslt::workspace(product_of(c, pass, accumulate));
}

void linear_forward(const LinearCase& c, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y,
                    const Tensor& workspace) {
  Tensor converted = bias;
  if (bias && bias.dtype() != y.dtype()) {
    converted = make_workspace(bias.shape(), y.dtype(), y.device());
    add_to(bias, converted, false);
  }
  cublaslt::run(product_of(c, LinearPass::forward, false), x, weight, y, converted, workspace);
}

void linear_backward_data(const LinearCase& c, const Tensor& dy, const Tensor& weight, const Tensor& dx,
                          bool accumulate, const Tensor& workspace) {
  cublaslt::run(product_of(c, LinearPass::backward_data, accumulate), dy, weight, dx, {}, workspace);
}

void linear_backward_weights(const LinearCase& c, const Tensor& x, const Tensor& dy, const Tensor& dweight,
                             bool accumulate_weight, const Tensor& dbias, bool accumulate_bias,
                             const Tensor& workspace) {
  cublaslt::run(product_of(c, LinearPass::backward_weights, accumulate_weight), dy, x, dweight, {}, workspace);
  if (dbias) bias_gradient(dy, dbias, accumulate_bias);
}

}  // namespace stint::cuda
