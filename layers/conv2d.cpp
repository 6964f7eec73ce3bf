#include <stint/kernels/conv2d/conv2d.h>
#include <stint/layers/conv2d.h>

namespace stint::layers {

Conv2d::Conv2d(std::int64_t in, std::int64_t out, Window window, bool bias)
    : window_(window),
      weight_(parameter("weight", {out, window.kernel, window.kernel, in},
                        kaiming_normal(out * window.kernel * window.kernel))) {
  weight_.mixed = true;
  if (bias) bias_ = &parameter("bias", {out}, fan_in_uniform(in * window.kernel * window.kernel));
}

Value Conv2d::forward(Tape& tape, const Value& x) {
  return tape.apply(stint::Conv2d{window_}, x, tape.leaf(weight_.leaf), bias_ ? tape.leaf(bias_->leaf) : Value());
}

}  // namespace stint::layers
