#include <stint/layers/optimiser.h>

namespace stint {

namespace {

Tensor zeros_like_parameters(const ModelState& model) {
  PurposeScope scope(Purpose::optimiser);
  Tensor tensor(model.parameters().spec());
  tensor.zero();
  return tensor;
}

}  // namespace

SgdOptimiser::SgdOptimiser(const ModelState& model, Sgd rule)
    : rule_(rule), decays_(decay_runs(model.parameter_table())), twin_(model.twin()) {
  if (rule.momentum != 0) velocity_ = zeros_like_parameters(model);
}

void SgdOptimiser::apply(const Tensor& x, const Tensor& direction, float lr) {
  rule_.update(x, direction, velocity_, twin_, decays_, lr);
  ++steps_;
}

std::vector<NamedTensor> SgdOptimiser::state() {
  if (!velocity_) return {};
  return {{"velocity", velocity_}};
}

AdamWOptimiser::AdamWOptimiser(const ModelState& model, AdamW rule)
    : rule_(rule),
      decays_(decay_runs(model.parameter_table())),
      first_(zeros_like_parameters(model)),
      second_(zeros_like_parameters(model)),
      twin_(model.twin()) {}

void AdamWOptimiser::apply(const Tensor& x, const Tensor& direction, float lr) {
  rule_.update(x, direction, first_, second_, twin_, decays_, lr, ++steps_);
}

std::vector<NamedTensor> AdamWOptimiser::state() {
  return {{"first_moment", first_}, {"second_moment", second_}};
}

}  // namespace stint
