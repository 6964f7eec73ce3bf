#include <stint/kernels/batch_norm/batch_norm.h>
#include <stint/layers/batch_norm.h>

namespace stint::layers {

BatchNorm::BatchNorm(std::int64_t channels, Activation activation)
    : weight_(parameter("weight", {channels}, constant(1))),
      bias_(parameter("bias", {channels}, constant(0))),
      running_mean_(buffer("running_mean", {channels}, 0)),
      running_var_(buffer("running_var", {channels}, 1)),
      relu_(activation == Activation::relu) {}

Value BatchNorm::operator()(Tape& tape, const Value& x, const Value& residual) {
  LayerScope scope(tape, *this);
  return normalise(tape, x, residual);
}

Value BatchNorm::normalise(Tape& tape, const Value& x, const Value& residual) {
  stint::BatchNorm op{.training = tape.training(),
                      .relu = relu_,
                      .running_mean = running_mean_.value,
                      .running_var = running_var_.value};
  return tape.apply(op, x, tape.leaf(weight_.leaf), tape.leaf(bias_.leaf), residual);
}

}  // namespace stint::layers
