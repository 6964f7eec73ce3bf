#include <stint/kernels/vector/vector.h>
#include <stint/tools/trainer/ema.h>

#include <algorithm>

namespace stint {

namespace {

Tensor copy_of(const Tensor& tensor) {
  Tensor copy(tensor.spec());
  if (tensor.count() > 0) copy.copy_from(tensor);
  return copy;
}

constexpr std::int64_t piece = 16384;  // elements

/// Piece by piece: where the weights themselves fit a budget, a copy of them all may not.
void exchange(const Tensor& a, const Tensor& b) {
  for (std::int64_t begin = 0; begin < a.count(); begin += piece) {
    std::int64_t count = std::min(piece, a.count() - begin);
    Tensor x = a.slice(begin, count), y = b.slice(begin, count), old = copy_of(x);
    x.copy_from(y);
    y.copy_from(old);
  }
}

void average(float decay, const Tensor& model, const Tensor& average) {
  if (model.count() == 0) return;
  scale(decay, average);
  axpy(1 - decay, model, average);
}

}  // namespace

Ema::Ema(ModelState& state, double decay) : state_(state), decay_(static_cast<float>(decay)) {
  PurposeScope scope(Purpose::optimiser);
  parameters_ = copy_of(state_.parameters());
  buffers_ = copy_of(state_.buffers());
}

void Ema::restart() {
  parameters_.copy_from(state_.parameters());
  buffers_.copy_from(state_.buffers());
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
