#pragma once

#include "op_case.h"

/// Between the reference's doubles and tensors, and one call of a case's operator.
namespace stint::test {

/// The devices of this machine on which kernels run (only one of them with STINT_TEST_DEVICE=cuda), and the dtypes in
/// which every case runs there.
std::vector<Device> devices();
inline constexpr DType dtypes[] = {DType::f32, DType::bf16};

/// The packing of each input of a case.
using Packings = std::vector<Packing>;

/// Every combination of packings in which a case is tried: on the CPU, each activation that can be c16 is tried in
/// both. The first is plain throughout, the last is c16 wherever that is possible.
std::vector<Packings> packings_of(const AnyCase& c, Device device);

/// The case's inputs as tensors.
std::vector<Tensor> make_inputs(const AnyCase& c, DType dtype, const Packings& packings, Device device);

/// A tensor of this spec with the given values, in plain order. On the null device the values are nowhere.
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

/// Which gradients one call of backward makes.
struct Wanted {
  std::vector<Tensor> old = {};  ///< what they are added to, one an input; where it is empty, they overwrite
  int only = -1;                 ///< the one input whose gradient is wanted; -1: all that have one
};

bool has_gradient(const Input& input);

/// Runs a case's backward. As on a tape, an activation's gradient is allocated by the operator, and a parameter's has a
/// place of its own, in which it must be written. Returns one tensor an input, empty where there is no gradient.
std::vector<Tensor> run_backward(const AnyCase& c, const std::vector<Tensor>& inputs, const Saved& saved,
                                 const Tensor& dy, const Wanted& wanted = {});

}  // namespace stint::test
