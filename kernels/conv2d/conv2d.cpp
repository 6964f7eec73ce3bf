#include <stint/kernels/conv2d/conv2d.h>
#include <stint/kernels/conv2d/conv2d_kernels.h>
#include <stint/kernels/reorder/reorder.h>

namespace stint {

namespace {

/// Blocked by 16 channels wherever both sides can be: that is where oneDNN has Winograd (docs/measurements). An input of
/// few channels, an image, stays plain. CUDA is plain throughout.
bool blocked(std::int64_t in_channels, std::int64_t out_channels, Device device) {
  return device.type != Device::Type::cuda && out_channels % 16 == 0 && (in_channels % 16 == 0 || in_channels <= 4);
}

ConvCase make_case(const Conv2d& op, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  constexpr auto name = Conv2d::name;
  op.window.check(name, x.shape());
  require(weight.shape().rank() == 4 && weight.shape()[3] == x.shape()[3] && weight.shape()[1] == op.window.kernel &&
              weight.shape()[2] == op.window.kernel,
          name, "expected a weight [O,{0},{0},{1}] for an input {2}, got {3}", op.window.kernel, x.shape()[3],
          x.shape().text(), weight.shape().text());
  require(weight.dtype() == x.dtype(), name, "expected a {} weight, got {}", name_of(x.dtype()), name_of(weight.dtype()));
  std::int64_t out = weight.shape()[0];
  require(!bias || (bias.shape() == Shape{out} && bias.dtype() == DType::f32), name, "expected a bias [{}] f32", out);
  bool c16 = blocked(x.shape()[3], out, x.device());
  ConvCase c{x.spec(), x.spec(), op.window, static_cast<bool>(bias)};
  c.x.packing = c16 && can_pack(x.shape()) ? Packing::c16 : Packing::plain;
  c.y.shape = {x.shape()[0], op.window.output(x.shape()[1]), op.window.output(x.shape()[2]), out};
  c.y.packing = c16 ? Packing::c16 : Packing::plain;
  return c;
}

/// The null device plans for the CPU.
Tensor workspace_for(const ConvCase& c, ConvPass pass, bool accumulate = false) {
  std::size_t bytes = 0;
  if (c.x.device.type != Device::Type::cuda) {
    bytes = cpu::conv2d_workspace(c, pass, accumulate);
  } else if constexpr (STINT_WITH_CUDA) {
    bytes = cuda::conv2d_workspace(c, pass, accumulate);
  }
  return make_workspace(bytes, c.x.device);
}

Work work_of(const ConvCase& c) {
  return {c.flops(), static_cast<double>(c.x.bytes() + c.y.bytes())};
}

}  // namespace

Tensor Conv2d::forward(Saver& saver, const Tensor& x, const Tensor& weight, const Tensor& bias) const {
  ConvCase c = make_case(*this, x, weight, bias);
  Tensor input = packed(x, c.x.packing);
  Tensor y(c.y);
  Tensor workspace = workspace_for(c, ConvPass::forward);
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
    // A gradient that nobody wants is made all the same, into memory that is dropped: oneDNN makes both at once.
    Tensor unwanted = dweight.wanted() ? Tensor() : make_workspace(weight.shape(), DType::f32, dy.device());
    Tensor workspace = workspace_for(c, ConvPass::backward_weights, dweight.accumulates());
    STINT_RUN("conv2d_backward_weights", work_of(c), dy.device(),
              conv2d_backward_weights(c, x, dy, unwanted ? unwanted : dweight.out(), dweight.accumulates(),
                                      dbias.wanted() ? dbias.out() : Tensor(), dbias.accumulates(), workspace));
  }
  if (dx.wanted()) {
    c.bias = false;
    c.x = x_spec;
    bool c16 = dy.packing() == Packing::c16 && can_pack(x_spec.shape);
    c.x.packing = c16 ? Packing::c16 : Packing::plain;
    bool direct = c.x.packing == x_spec.packing;
    Tensor result = direct ? dx.out() : Tensor(c.x);
    bool accumulate = direct && dx.accumulates();
    Tensor workspace = workspace_for(c, ConvPass::backward_data, accumulate);
    STINT_RUN("conv2d_backward_data", work_of(c), dy.device(),
              conv2d_backward_data(c, dy, weight, result, accumulate, workspace));
    if (!direct) dx.share(packed(result, x_spec.packing));
  }
}

}  // namespace stint
