#include <stint/kernels/linear/linear.h>
#include <stint/layers/linear.h>

namespace stint::layers {

Linear::Linear(std::int64_t in, std::int64_t out, const LinearOptions& options)
    : weight_(parameter(options.prefix + "weight", {out, in}, options.weight ? options.weight : fan_in_uniform(in))),
      bias_(parameter(options.prefix + "bias", {out}, options.bias ? options.bias : fan_in_uniform(in))) {
  weight_.mixed = true;
  weight_.places = options.places;
}

Value Linear::forward(Tape& tape, const Value& x) {
  return tape.apply(stint::Linear{}, x, tape.leaf(weight_.leaf), tape.leaf(bias_.leaf));
}

}  // namespace stint::layers
