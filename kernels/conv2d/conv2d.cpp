#include <stint/kernels/conv2d/conv2d.h>
#include <stint/kernels/conv2d/conv2d_kernels.h>
#include <stint/kernels/reorder/reorder.h>

namespace stint {

namespace {

/// On the CPU, activations are blocked by 16 channels wherever their number allows: that is where oneDNN has Winograd
/// (docs/measurements). CUDA is plain throughout.
Packing packing_for(const Shape& shape, Device device) {
  bool blocked = device.type != Device::Type::cuda && cpu_conv_layout() == CpuConvLayout::blocked;
  return blocked && can_pack(shape) ? Packing::c16 : Packing::plain;
}

ConvCase make_case(const Conv2d& op, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  constexpr auto name = Conv2d::name;
  op.window.check(name, x.shape());
  require_float(x.dtype(), name);
  require(weight.shape().rank() == 4 && weight.shape()[0] > 0 && weight.shape()[3] == x.shape()[3] &&
              weight.shape()[1] == op.window.kernel && weight.shape()[2] == op.window.kernel,
          name, "expected a weight [O,{0},{0},{1}], O above 0, for an input {2}, got {3}", op.window.kernel,
          x.shape()[3], x.shape(), weight.shape());
  require(weight.dtype() == x.dtype(), name, "expected a {} weight, got {}", name_of(x.dtype()),
          name_of(weight.dtype()));
  std::int64_t out = weight.shape()[0];
  require(!bias || (bias.shape() == Shape{out} && bias.dtype() == DType::f32), name, "expected a bias [{}] f32", out);
  ConvCase c{x.spec(), x.spec(), op.window, static_cast<bool>(bias)};
  c.x.packing = packing_for(x.shape(), x.device());
  c.y.shape = {x.shape()[0], op.window.output(x.shape()[1]), op.window.output(x.shape()[2]), out};
  c.y.packing = packing_for(c.y.shape, x.device());
  return c;
}

Tensor workspace_for(const ConvCase& c, ConvPass pass, const Tensor& weight, bool accumulate = false) {
  return make_workspace(STINT_WORKSPACE(c.x.device, conv2d_workspace(c, pass, weight, accumulate)), c.x.device);
}

Work work_of(const ConvCase& c) {
  return {c.flops(), static_cast<double>(c.x.bytes() + c.y.bytes())};
}

}  // namespace

Tensor Conv2d::forward(Saver& saver, const Tensor& x, const Tensor& weight, const Tensor& bias) const {
  ConvCase c = make_case(*this, x, weight, bias);
  Tensor input = packed(x, c.x.packing);
  Tensor y(c.y);
  Tensor workspace = workspace_for(c, ConvPass::forward, weight);
  STINT_RUN(name, work_of(c), x.device(), conv2d_forward(c, input, weight, bias, y, workspace));
  saver.save(input, Fidelity::parameter_gradient_only);
  saver.save(weight);
  return y;
}

void Conv2d::backward(const Saved& saved, const Tensor& dy, const Grad& dx, const Grad& dweight,
                      const Grad& dbias) const {
  bool parameters = dweight.wanted() || dbias.wanted();
  Tensor weight = saved[1];
  TensorSpec x_spec = dx.spec();
  ConvCase c{x_spec, dy.spec(), window, dbias.wanted()};
  if (parameters) {
    Tensor x = saved[0];
    c.x = x.spec();
    // A weight gradient that nobody wants is made all the same, into memory that is dropped.
    Tensor weight_out = dweight.wanted() ? dweight.out() : make_workspace(weight.shape(), DType::f32, dy.device());
    Tensor bias_out = dbias.wanted() ? dbias.out() : Tensor();
    Tensor workspace = workspace_for(c, ConvPass::backward_weights, weight, dweight.accumulates());
    STINT_RUN(
        "conv2d_backward_weights", work_of(c), dy.device(),
        conv2d_backward_weights(c, x, dy, weight_out, dweight.accumulates(), bias_out, dbias.accumulates(), workspace));
  }
  if (dx.wanted()) {
    c.bias = false;
    c.x = x_spec;
    c.x.packing = packing_for(x_spec.shape, x_spec.device);
    bool direct = c.x.packing == x_spec.packing;
    Tensor result = direct ? dx.out() : Tensor(c.x);
    bool accumulate = direct && dx.accumulates();
    Tensor workspace = workspace_for(c, ConvPass::backward_data, weight, accumulate);
    STINT_RUN("conv2d_backward_data", work_of(c), dy.device(),
              conv2d_backward_data(c, dy, weight, result, accumulate, workspace));
    if (!direct) dx.share(packed(result, x_spec.packing));
  }
}

}  // namespace stint
