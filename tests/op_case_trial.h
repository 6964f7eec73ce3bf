#pragma once

#include <string>

#include "op_case_numerics.h"
#include "op_case_tensors.h"

namespace stint::test {

/// One case in one dtype, packing and device: every claim of `check` but the ones about the null device.
class Trial {
 public:
  Trial(const AnyCase& c, DType dtype, const Packings& packings, Device device)
      : c_(c), dtype_(dtype), device_(device), inputs_(make_inputs(c, dtype, packings, device)) {}

  void run();

 private:
  void forward_equals_reference();
  void saves_what_is_declared();
  void inference_gives_the_same_bits();
  void backward_equals_differences();
  void accumulating_adds();
  void accumulates_into(const std::vector<Tensor>& old);
  void one_gradient_alone_is_the_same();
  void approximate_slots_touch_weights_only();
  void bits_do_not_depend_on_threads();
  void nothing_else_was_written();

  std::string gradient_of(std::size_t input) const { return "the gradient of input " + std::to_string(input); }

  const AnyCase& c_;
  DType dtype_;
  Device device_;
  std::vector<Tensor> inputs_, inputs_before_, slots_before_;
  std::vector<Reals> values_;  // the inputs as rounded to the dtype
  RecordingSaver saver_;
  Tensor y_, dy_, dy_before_;
  Reals dy_values_;
  std::vector<Tensor> gradients_;
};

}  // namespace stint::test
