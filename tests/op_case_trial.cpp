#include "op_case_trial.h"

#include <stint/runtime/allocator.h>
#include <stint/runtime/parallel.h>

#include <catch2/catch.hpp>

namespace stint::test {

namespace {

Tensor copy_of(const Tensor& tensor) {
  return tensor ? tensor.copy_to(tensor.device()) : Tensor();
}

class ThreadCount {
 public:
  explicit ThreadCount(int threads) : before_(thread_count()) { set_thread_count(threads); }
  ~ThreadCount() { set_thread_count(before_); }

 private:
  int before_;
};

}  // namespace

void Trial::run() {
  for (const Tensor& input : inputs_) inputs_before_.push_back(copy_of(input));
  forward_equals_reference();
  saves_what_is_declared();
  inference_gives_the_same_bits();
  dy_ = to_tensor(random_reals(y_.count(), 77), y_.spec());
  dy_before_ = copy_of(dy_);
  dy_values_ = to_reals(dy_);
  backward_equals_differences();
  accumulating_adds();
  one_gradient_alone_is_the_same();
  approximate_slots_touch_weights_only();
  bits_do_not_depend_on_threads();
  nothing_else_was_written();
}

void Trial::forward_equals_reference() {
  y_ = c_.forward(saver_, inputs_);
  for (const Tensor& input : inputs_) values_.push_back(input ? to_reals(input) : Reals());
  DType coarsest = y_.dtype() == DType::bf16 ? DType::bf16 : dtype_;
  require_close("forward", to_reals(y_), c_.reference(values_), tolerance_of(coarsest).forward);
}

void Trial::saves_what_is_declared() {
  std::vector<std::size_t> bytes;
  for (const auto& slot : saver_.slots) {
    bytes.push_back(slot.tensor.bytes());
    slots_before_.push_back(copy_of(slot.tensor));
  }
  INFO("saved bytes, slot by slot");
  REQUIRE(bytes == c_.slots(size_of(dtype_)));
}

void Trial::inference_gives_the_same_bits() {
  SaveNothing nothing;
  INFO("inference gives other bits than training");
  REQUIRE(same_bits(c_.forward(nothing, inputs_), y_));
}

void Trial::backward_equals_differences() {
  gradients_ = run_backward(c_, inputs_, ReplayedSaved(saver_), dy_);
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    if (!gradients_[i]) continue;
    INFO(gradient_of(i));
    require_gradient(c_, values_, i, dy_values_, to_reals(gradients_[i]), tolerance_of(dtype_).backward);
  }
}

/// All gradients at once, and each while the others overwrite.
void Trial::accumulating_adds() {
  std::vector<Tensor> old(inputs_.size());
  for (std::size_t i = 0; i < old.size(); ++i) {
    if (gradients_[i]) old[i] = to_tensor(random_reals(inputs_[i].count(), 90 + i), gradients_[i].spec());
  }
  accumulates_into(old);
  for (std::size_t i = 0; i < old.size(); ++i) {
    std::vector<Tensor> alone(old.size());
    alone[i] = old[i];
    if (old[i]) accumulates_into(alone);
  }
}

void Trial::accumulates_into(const std::vector<Tensor>& old) {
  auto sums = run_backward(c_, inputs_, ReplayedSaved(saver_), dy_, {.old = old});
  for (std::size_t i = 0; i < sums.size(); ++i) {
    if (!sums[i]) continue;
    Reals expected = to_reals(gradients_[i]), before = old[i] ? to_reals(old[i]) : Reals(expected.size(), 0.0);
    for (std::size_t j = 0; j < expected.size(); ++j) expected[j] += before[j];
    double tolerance = sums[i].dtype() == DType::bf16 ? 1e-2 : 1e-6;
    require_close("overwrite + old of " + gradient_of(i), to_reals(sums[i]), expected, tolerance);
  }
}

void Trial::one_gradient_alone_is_the_same() {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    if (!gradients_[i]) continue;
    auto alone = run_backward(c_, inputs_, ReplayedSaved(saver_), dy_, {.only = static_cast<int>(i)});
    if (c_.library) {
      require_close(gradient_of(i) + " alone", to_reals(alone[i]), to_reals(gradients_[i]), 1e-6);
    } else {
      INFO(gradient_of(i) + " has other bits when it alone is wanted");
      REQUIRE(same_bits(alone[i], gradients_[i]));
    }
  }
}

/// What DropIT may touch: an error in the slot must stay inside the gradients of weights, and must show there.
void Trial::approximate_slots_touch_weights_only() {
  for (std::size_t slot = 0; slot < saver_.slots.size(); ++slot) {
    if (saver_.slots[slot].fidelity != Fidelity::parameter_gradient_only) continue;
    auto disturbed = run_backward(c_, inputs_, ReplayedSaved(saver_, static_cast<int>(slot)), dy_);
    bool weight_changed = false;
    for (std::size_t i = 0; i < disturbed.size(); ++i) {
      if (!disturbed[i]) continue;
      bool same = same_bits(disturbed[i], gradients_[i]);
      if (c_.inputs[i].kind == Input::Kind::weight) {
        weight_changed = weight_changed || !same;
      } else {
        INFO("slot " << slot << " is declared parameter_gradient_only, but touches " << gradient_of(i));
        REQUIRE(same);
      }
    }
    INFO("slot " << slot << " was perturbed and no weight gradient noticed");
    REQUIRE(weight_changed);
  }
}

/// oneDNN's bits may depend on the number of threads: there, the same call must give the same bits again.
void Trial::bits_do_not_depend_on_threads() {
  std::vector<int> counts = {1, 2, 3};
  if (c_.library) counts = {thread_count()};
  for (int threads : counts) {
    ThreadCount scope(threads);
    RecordingSaver saver;
    Tensor y = c_.forward(saver, inputs_);
    auto gradients = run_backward(c_, inputs_, ReplayedSaved(saver), dy_);
    INFO("other bits with " << threads << " thread(s)");
    REQUIRE(same_bits(y, y_));
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      INFO(gradient_of(i));
      REQUIRE((!gradients[i] || same_bits(gradients[i], gradients_[i])));
    }
  }
}

void Trial::nothing_else_was_written() {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    INFO("input " << i << " was written to");
    REQUIRE((!inputs_[i] || same_bits(inputs_[i], inputs_before_[i])));
  }
  for (std::size_t i = 0; i < saver_.slots.size(); ++i) {
    INFO("saved slot " << i << " was written to");
    REQUIRE(same_bits(saver_.slots[i].tensor, slots_before_[i]));
  }
  INFO("dy was written to");
  REQUIRE(same_bits(dy_, dy_before_));
  allocator_of(device_).check_guards();
}

}  // namespace stint::test
