#include <stint/kernels/linear/linear.h>
#include <stint/layers/linear.h>

namespace stint::layers {

Linear::Linear(std::int64_t in, std::int64_t out)
    : weight_(parameter("weight", {out, in}, fan_in_uniform(in))), bias_(parameter("bias", {out}, fan_in_uniform(in))) {
  weight_.mixed = true;
}

Value Linear::forward(Tape& tape, const Value& x) {
  return tape.apply(stint::Linear{}, x, tape.leaf(weight_.leaf), tape.leaf(bias_.leaf));
}

}  // namespace stint::layers
