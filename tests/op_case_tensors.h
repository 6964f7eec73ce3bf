#pragma once

#include "op_case.h"

/// Between the reference's doubles and tensors, and what a case saves.
namespace stint::test {

std::vector<Device> devices();

/// The packings in which a case is tried on a device: c16 where it has an activation that can be.
std::vector<Packing> packings_of(const AnyCase& c, Device device);

/// The case's inputs as tensors; activations that can be are packed.
std::vector<Tensor> make_inputs(const AnyCase& c, DType dtype, Packing packing, Device device);

/// A tensor of this spec with the given values, in plain order.
Tensor to_tensor(const Reals& values, const TensorSpec& spec);

/// The values in plain order.
Reals to_reals(const Tensor& tensor);

bool same_bits(const Tensor& a, const Tensor& b);

struct RecordingSaver : Saver {
  struct Slot {
    Tensor tensor;
    Fidelity fidelity;
  };
  std::vector<Slot> slots;

  bool enabled() const override { return true; }
  void save(const Tensor& tensor, Fidelity fidelity) override { slots.push_back({tensor, fidelity}); }
};

/// Gives back what was recorded, one slot of it perturbed if asked for.
class ReplayedSaved : public Saved {
 public:
  explicit ReplayedSaved(const RecordingSaver& saver, int perturbed = -1) : saver_(saver), perturbed_(perturbed) {}
  Tensor operator[](int slot) const override;

 private:
  const RecordingSaver& saver_;
  int perturbed_;
};

}  // namespace stint::test
