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
    : rule_(rule), runs_(update_runs(model.parameter_table())), twin_(model.twin()) {
  if (rule.momentum != 0) velocity_ = zeros_like_parameters(model);
}

void SgdOptimiser::apply(const Tensor& x, const Tensor& direction, float lr) {
  for (const UpdateRun& run : runs_) {
    rule_.update(run.part(x), run.part(direction), run.part(velocity_), run.part(twin_), run.decays, lr * run.lr_scale);
  }
  ++steps_;
}

std::vector<NamedTensor> SgdOptimiser::state() {
  if (!velocity_) return {};
  return {{"velocity", velocity_}};
}

AdamWOptimiser::AdamWOptimiser(const ModelState& model, AdamW rule)
    : rule_(rule),
      runs_(update_runs(model.parameter_table())),
      first_(zeros_like_parameters(model)),
      second_(zeros_like_parameters(model)),
      twin_(model.twin()) {}

void AdamWOptimiser::apply(const Tensor& x, const Tensor& direction, float lr) {
  ++steps_;
  for (const UpdateRun& run : runs_) {
    rule_.update(run.part(x), run.part(direction), run.part(first_), run.part(second_), run.part(twin_), run.decays,
                 lr * run.lr_scale, steps_);
  }
}

std::vector<NamedTensor> AdamWOptimiser::state() {
  return {{"first_moment", first_}, {"second_moment", second_}};
}

}  // namespace stint
