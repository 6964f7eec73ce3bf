#include <stint/kernels/dispatch.h>
#include <stint/kernels/kept_weights.h>

namespace stint {

namespace {
thread_local KeptWeights* innermost = nullptr;
}

KeptWeights::KeptWeights() : before_(std::exchange(innermost, this)) {}

KeptWeights::~KeptWeights() {
  innermost = before_;
}

KeptWeights::Place& KeptWeights::place(const Tensor& weight, int layout, std::size_t bytes) {
  Place& found = places_[{weight.raw(), layout}];
  if (!found.memory) found = {weight, make_workspace(bytes, weight.device())};
  return found;
}

KeptWeights* KeptWeights::current() {
  return innermost;
}

}  // namespace stint
