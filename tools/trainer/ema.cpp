#include <stint/kernels/vector/vector.h>
#include <stint/tools/trainer/ema.h>

namespace stint {

namespace {

Tensor copy_of(const Tensor& tensor) {
  Tensor copy(tensor.spec());
  if (tensor.count() > 0) copy.copy_from(tensor);
  return copy;
}

void exchange(const Tensor& a, const Tensor& b) {
  if (a.count() == 0) return;
  Tensor old = copy_of(a);
  a.copy_from(b);
  b.copy_from(old);
}

void average(float decay, const Tensor& model, const Tensor& average) {
  if (model.count() == 0) return;
  scale(decay, average);
  axpy(1 - decay, model, average);
}

}  // namespace

Ema::Ema(ModelState& state, double decay) : state_(state), decay_(static_cast<float>(decay)) {
  restart();
}

void Ema::restart() {
  PurposeScope scope(Purpose::optimiser);
  parameters_ = copy_of(state_.parameters());
  buffers_ = copy_of(state_.buffers());
}

void Ema::update() {
  average(decay_, state_.parameters(), parameters_);
  average(decay_, state_.buffers(), buffers_);
}

void Ema::swap() {
  exchange(state_.parameters(), parameters_);
  exchange(state_.buffers(), buffers_);
  state_.refresh_twin();
}

}  // namespace stint
