#include "op_case.h"

#include <stint/kernels/reorder/reorder.h>
#include <stint/runtime/allocator.h>
#include <stint/runtime/cuda_driver.h>
#include <stint/runtime/parallel.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "op_case_tensors.h"

namespace stint::test {

namespace {

/// How far a result may be from the reference, as a share of the reference's largest magnitude.
struct Tolerance {
  double forward, backward;
};

Tolerance tolerance_of(DType dtype) {
  return dtype == DType::f32 ? Tolerance{2e-5, 1e-4} : Tolerance{2e-2, 3e-2};
}

void require_close(const std::string& what, const Reals& got, const Reals& expected, double tolerance) {
  REQUIRE(got.size() == expected.size());
  double largest = 1e-3, worst = 0;
  std::size_t at = 0;
  for (double value : expected) largest = std::max(largest, std::abs(value));
  for (std::size_t i = 0; i < got.size(); ++i) {
    double error = std::abs(got[i] - expected[i]);
    if (error > worst || std::isnan(got[i])) {
      worst = error;
      at = i;
    }
    if (std::isnan(got[i])) break;  // an element that nobody wrote
  }
  INFO(what << ": element " << at << " is " << got[at] << ", expected " << expected[at]);
  REQUIRE_FALSE(std::isnan(worst));
  REQUIRE(worst <= tolerance * largest);
}

/// Central differences of sum(dy * reference(x)) along every element of input `which`.
Reals reference_gradient(const AnyCase& c, std::vector<Reals> inputs, std::size_t which, const Reals& dy) {
  constexpr double h = 1e-4;
  Reals gradient(inputs[which].size());
  auto value = [&] {
    Reals y = c.reference(inputs);
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += dy[i] * y[i];
    return sum;
  };
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    double x = inputs[which][i];
    inputs[which][i] = x + h;
    double above = value();
    inputs[which][i] = x - h;
    double below = value();
    inputs[which][i] = x;
    gradient[i] = (above - below) / (2 * h);
  }
  return gradient;
}

/// One case in one dtype, packing and device.
class Trial {
 public:
  Trial(const AnyCase& c, DType dtype, Packing packing, Device device)
      : c_(c), dtype_(dtype), tensors_(make_inputs(c, dtype, packing, device)), device_(device) {}

  void run() {
    forward();
    slots();
    inference();
    dy_ = random_reals(y_.count(), 77);
    dy_tensor_ = to_tensor(dy_, y_.spec());
    dy_ = to_reals(dy_tensor_);
    backward();
    accumulation();
    perturbation();
    if (!c_.library) threads();
    allocator_of(device_).check_guards();
  }

 private:
  void forward() {
    y_ = c_.forward(saver_, tensors_);
    for (const Tensor& t : tensors_) values_.push_back(t ? to_reals(t) : Reals());
    require_close("forward", to_reals(y_), c_.reference(values_), tolerance_of(dtype_).forward);
  }

  void slots() {
    std::vector<std::size_t> bytes;
    for (const auto& slot : saver_.slots) bytes.push_back(slot.tensor.bytes());
    INFO("saved bytes, slot by slot");
    REQUIRE(bytes == c_.slots(size_of(dtype_)));
  }

  void inference() {
    SaveNothing nothing;
    INFO("inference gives other bits than training");
    REQUIRE(same_bits(c_.forward(nothing, tensors_), y_));
  }

  /// The gradients of all inputs; `old` (empty for none) is what they are added to.
  std::vector<Tensor> gradients(const Saved& saved, std::vector<Tensor> old = {}) {
    std::vector<Tensor> out(tensors_.size());
    std::vector<Grad> grads;
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      GradMode mode = !has_gradient(i) ? GradMode::ignore : old.empty() ? GradMode::overwrite : GradMode::accumulate;
      if (mode == GradMode::accumulate) out[i] = old[i].copy_to(device_);
      grads.emplace_back(mode, out[i], gradient_spec(i));
    }
    c_.backward(saved, dy_tensor_, grads);
    return out;
  }

  void backward() {
    gradients_ = gradients(ReplayedSaved(saver_));
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      if (!has_gradient(i)) continue;
      INFO("gradient of input " << i);
      REQUIRE(gradients_[i].spec() == gradient_spec(i));
      require_close("backward", to_reals(gradients_[i]), reference_gradient(c_, values_, i, dy_),
                    tolerance_of(dtype_).backward);
    }
  }

  void accumulation() {
    std::vector<Tensor> old(tensors_.size());
    for (std::size_t i = 0; i < old.size(); ++i) {
      if (has_gradient(i)) old[i] = to_tensor(random_reals(tensors_[i].count(), 90 + i), gradient_spec(i));
    }
    auto sums = gradients(ReplayedSaved(saver_), old);
    for (std::size_t i = 0; i < sums.size(); ++i) {
      if (!has_gradient(i)) continue;
      Reals expected = to_reals(gradients_[i]), before = to_reals(old[i]);
      for (std::size_t j = 0; j < expected.size(); ++j) expected[j] += before[j];
      INFO("accumulated gradient of input " << i);
      double tolerance = gradients_[i].dtype() == DType::bf16 ? 1e-2 : 1e-6;
      require_close("overwrite + old", to_reals(sums[i]), expected, tolerance);
    }
  }

  /// What DropIT may touch: an error in the slot must stay inside the gradients of weights.
  void perturbation() {
    for (std::size_t slot = 0; slot < saver_.slots.size(); ++slot) {
      if (saver_.slots[slot].fidelity != Fidelity::parameter_gradient_only) continue;
      auto disturbed = gradients(ReplayedSaved(saver_, static_cast<int>(slot)));
      bool weight_changed = false;
      for (std::size_t i = 0; i < disturbed.size(); ++i) {
        if (!has_gradient(i)) continue;
        bool same = same_bits(disturbed[i], gradients_[i]);
        if (c_.inputs[i].kind == Input::Kind::weight) {
          weight_changed = weight_changed || !same;
        } else {
          INFO("slot " << slot << " is declared parameter_gradient_only, but touches the gradient of input " << i);
          REQUIRE(same);
        }
      }
      INFO("slot " << slot << " was perturbed and no weight gradient noticed");
      REQUIRE(weight_changed);
    }
  }

  void threads() {
    int before = thread_count();
    set_thread_count(before == 1 ? 2 : 1);
    RecordingSaver saver;
    Tensor y = c_.forward(saver, tensors_);
    auto grads = gradients(ReplayedSaved(saver));
    set_thread_count(before);
    INFO("the bits depend on the number of threads");
    REQUIRE(same_bits(y, y_));
    for (std::size_t i = 0; i < grads.size(); ++i) REQUIRE((!grads[i] || same_bits(grads[i], gradients_[i])));
  }

  bool has_gradient(std::size_t i) const {
    return c_.inputs[i].kind != Input::Kind::absent && c_.inputs[i].kind != Input::Kind::labels;
  }

  TensorSpec gradient_spec(std::size_t i) const {
    TensorSpec spec = tensors_[i].spec();
    if (c_.inputs[i].kind != Input::Kind::activation) spec.dtype = DType::f32;
    return spec;
  }

  const AnyCase& c_;
  DType dtype_;
  std::vector<Tensor> tensors_;
  Device device_;
  RecordingSaver saver_;
  Tensor y_, dy_tensor_;
  std::vector<Reals> values_;  // the inputs as rounded to the dtype
  Reals dy_;
  std::vector<Tensor> gradients_;
};

/// Poison and guards for the length of a scope.
class Checks {
 public:
  explicit Checks(Device device) : allocator_(allocator_of(device)) { allocator_.set_checks(true); }
  ~Checks() { allocator_.set_checks(false); }

 private:
  Allocator& allocator_;
};

}  // namespace

std::vector<Device> devices() {
  std::vector<Device> all = {Device::cpu()};
  if (cuda_device_count() > 0) all.push_back(Device::cuda());
  return all;
}

void check_case(const AnyCase& c) {
  for (Device device : devices()) {
    Checks checks(device);
    for (DType dtype : {DType::f32, DType::bf16}) {
      for (Packing packing : packings_of(c, device)) {
        INFO(c.name << " on " << device.name() << " in " << name_of(dtype)
                    << (packing == Packing::c16 ? ", packed c16" : ""));
        Trial(c, dtype, packing, device).run();
      }
    }
  }
}

}  // namespace stint::test
