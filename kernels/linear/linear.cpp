#include <stint/kernels/linear/linear.h>
#include <stint/kernels/linear/linear_kernels.h>

#include <vector>

namespace stint {

namespace {

LinearCase make_case(const Tensor& x, const Shape& weight, bool bias) {
  return {x.count() / std::max<std::int64_t>(x.shape()[-1], 1), weight[1], weight[0], x.dtype(), bias};
}

Tensor workspace_for(const LinearCase& c, LinearPass pass, const Tensor& weight, bool accumulate = false) {
  Device device = weight.device();
  return make_workspace(STINT_WORKSPACE(device, linear_workspace(c, pass, weight, accumulate)), device);
}

}  // namespace

Tensor Linear::forward(Saver& saver, const Tensor& x, const Tensor& weight, const Tensor& bias) const {
  require(x.shape().rank() >= 2 && x.packing() == Packing::plain && x.count() > 0, name,
          "expected a non-empty plain [...,I], got {}", x.shape());
  require_float(x.dtype(), name);
  require(weight.shape().rank() == 2 && weight.shape()[0] > 0 && weight.shape()[1] == x.shape()[-1], name,
          "expected a weight [O,{}], O above 0, for an input {}, got {}", x.shape()[-1], x.shape(), weight.shape());
  require(weight.dtype() == x.dtype(), name, "expected a {} weight, got {}", name_of(x.dtype()),
          name_of(weight.dtype()));
  std::int64_t out = weight.shape()[0];
  require(!bias || (bias.shape() == Shape{out} && bias.dtype() == DType::f32), name, "expected a bias [{}] f32", out);

  std::vector<std::int64_t> dims(x.shape().dims().begin(), x.shape().dims().end());
  dims.back() = out;
  Tensor y(Shape(dims), x.dtype(), x.device());
  LinearCase c = make_case(x, weight.shape(), static_cast<bool>(bias));
  Tensor workspace = workspace_for(c, LinearPass::forward, weight);
  STINT_RUN(name, c.work(), x.device(), linear_forward(c, x, weight, bias, y, workspace));
  saver.save(x, Fidelity::parameter_gradient_only);
  saver.save(weight);
  return y;
}

void Linear::backward(const Saved& saved, const Tensor& dy, const Grad& dx, const Grad& dweight,
                      const Grad& dbias) const {
  Tensor weight = saved[1];
  if (dweight.wanted() || dbias.wanted()) {
    Tensor x = saved[0];
    LinearCase c = make_case(x, weight.shape(), dbias.wanted());
    // A weight gradient that nobody wants is made all the same, into memory that is dropped.
    Tensor weight_out = dweight.wanted() ? dweight.out() : make_workspace(weight.shape(), DType::f32, dy.device());
    Tensor bias_out = dbias.wanted() ? dbias.out() : Tensor();
    Tensor workspace = workspace_for(c, LinearPass::backward_weights, weight, dweight.accumulates());
    STINT_RUN(
        "linear_backward_weights", c.work(), dy.device(),
        linear_backward_weights(c, x, dy, weight_out, dweight.accumulates(), bias_out, dbias.accumulates(), workspace));
  }
  if (dx.wanted()) {
    LinearCase c{dy.count() / weight.shape()[0], weight.shape()[1], weight.shape()[0], dy.dtype(), false};
    Tensor out = dx.out();
    Tensor workspace = workspace_for(c, LinearPass::backward_data, weight, dx.accumulates());
    STINT_RUN("linear_backward_data", c.work(), dy.device(),
              linear_backward_data(c, dy, weight, out, dx.accumulates(), workspace));
  }
}

}  // namespace stint
