#include <stint/kernels/layer_norm/layer_norm.h>
#include <stint/layers/layer_norm.h>

namespace stint::layers {

LayerNorm::LayerNorm(std::int64_t channels, float eps)
    : eps_(eps),
      weight_(parameter("weight", {channels}, constant(1))),
      bias_(parameter("bias", {channels}, constant(0))) {}

Value LayerNorm::forward(Tape& tape, const Value& x) {
  return tape.apply(stint::LayerNorm{eps_}, x, tape.leaf(weight_.leaf), tape.leaf(bias_.leaf));
}

}  // namespace stint::layers
