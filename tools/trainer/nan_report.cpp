#include <stint/kernels/vector/vector.h>
#include <stint/runtime/error.h>
#include <stint/tools/trainer/nan_report.h>

#include <cmath>

namespace stint {

namespace {

bool is_finite(const Tensor& tensor) {
  return tensor.dtype() == DType::i32 || tensor.dtype() == DType::u8 || std::isfinite(squared_norm(tensor));
}

std::string bad_weights(const ModelState& state) {
  for (const Block& block : state.parameter_table().blocks()) {
    if (!is_finite(state.parameters().slice(block.offset, block.count))) {
      return fmt::format("the weights {} are not finite since the last update", block.name);
    }
  }
  return "";
}

std::string first_operator(Training& training, const Batch& batch, RandomState random) {
  std::string found;
  Tape tape;
  tape.random = &random;
  tape.on_output = [&](std::string_view op, const std::string& layer, const Tensor& output) {
    if (found.empty() && !is_finite(output)) found = fmt::format("{}{}{}", op, layer.empty() ? "" : " of ", layer);
  };
  if (!is_finite(batch.images)) return "the images of the batch are not finite";
  training.loss(tape, batch);
  return found.empty() ? "no operator, when run again" : "the first operator to make one is " + found;
}

}  // namespace

void explain_nan(Training& training, double loss, const Batch& batch, RandomState random) {
  std::string cause = bad_weights(training.state());
  if (cause.empty()) cause = first_operator(training, batch, random);
  fail(ErrorKind::diverged, "train", "the loss is {} at step {}: {}; a lower --lr or --clip-grad may help",
       std::isnan(loss) ? "not a number" : "infinite", training.steps(), cause);
}

}  // namespace stint
