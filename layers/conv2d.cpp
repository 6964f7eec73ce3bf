#include <stint/kernels/conv2d/conv2d.h>
#include <stint/layers/conv2d.h>

namespace stint::layers {

Conv2d::Conv2d(std::int64_t in, std::int64_t out, Window window, bool bias, Initialiser weight_start,
               Initialiser bias_start)
    : window_(window), weight_(parameter("weight", {out, window.kernel, window.kernel, in}, std::move(weight_start))) {
  std::int64_t pixels = std::int64_t{window.kernel} * window.kernel;
  if (!weight_.initialise) weight_.initialise = kaiming_normal(out * pixels);
  weight_.mixed = true;
  if (!bias) return;
  bias_ = &parameter("bias", {out}, std::move(bias_start));
  if (!bias_->initialise) bias_->initialise = fan_in_uniform(in * pixels);
}

Value Conv2d::forward(Tape& tape, const Value& x) {
  return tape.apply(stint::Conv2d{window_}, x, tape.leaf(weight_.leaf), bias_ ? tape.leaf(bias_->leaf) : Value());
}

}  // namespace stint::layers
