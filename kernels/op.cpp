#include <stint/kernels/op.h>
#include <stint/kernels/vector/vector.h>

namespace stint {

const Tensor& Grad::out() const {
  require(wanted(), "gradient", "asked for the memory of a gradient that is ignored");
  if (!*target_) {
    *target_ = Tensor(spec_);
  } else if (!fixed_ && target_->storage().use_count() > 1) {  // another gradient sees this memory: write our own
    Tensor shared = *target_;
    *target_ = accumulates() ? shared.copy_to(spec_.device) : Tensor(spec_);
  }
  return *target_;
}

void Grad::share(const Tensor& value) const {
  if (!wanted()) return;
  bool same = value.spec() == spec_;
  if (!accumulates() && !fixed_ && same) {
    *target_ = value;
    return;
  }
  require(value.shape() == spec_.shape && value.packing() == spec_.packing, "gradient", "expected shape {}, got {}",
          spec_.shape, value.shape());
  add_to(value, out(), accumulates());
}

}  // namespace stint
