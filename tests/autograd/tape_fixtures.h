#pragma once

#include <stint/autograd/tape.h>

#include "../op_case_tensors.h"

/// What the tests of the tape share.
namespace stint::test {

inline Leaf make_leaf(std::string name, Shape shape, std::uint64_t number = 1, Device device = Device::cpu()) {
  Leaf leaf{std::move(name), {}, {}};
  PurposeScope parameter(Purpose::parameter);
  leaf.value = Tensor(shape, DType::f32, device);
  leaf.value.copy_from(to_tensor(random_reals(shape.count(), number), {shape}));
  PurposeScope gradient(Purpose::gradient);
  leaf.gradient = Tensor(shape, DType::f32, device);
  return leaf;
}

inline Tensor class_labels(std::vector<int> classes, Device device = Device::cpu()) {
  return tensor_of<int>({static_cast<std::int64_t>(classes.size())}, classes).copy_to(device);
}

inline std::size_t saved_bytes(Device device = Device::cpu()) {
  return allocator_of(device).stats().requested[Purpose::saved];
}

inline std::size_t ledger_bytes(const Tape& tape) {
  std::size_t sum = 0;
  for (const LedgerRow& row : tape.ledger()) sum += row.held_bytes;
  return sum;
}

/// Holds the first half of the elements and forgets the rest.
class HalfPolicy : public SavePolicy {
 public:
  std::string_view name() const override { return "half"; }
  std::unique_ptr<PackedTensor> pack(const Tensor& dense, std::span<const Slot> slots) override {
    shared_slots.push_back(static_cast<int>(slots.size()));
    return std::make_unique<Half>(dense);
  }
  std::vector<int> shared_slots;  ///< of each packed storage

 private:
  class Half : public PackedTensor {
   public:
    explicit Half(const Tensor& dense) : spec_(dense.spec()), kept_(first_half(dense).copy_to(dense.device())) {}
    Tensor unpack() const override {
      Tensor whole(spec_);
      whole.zero();
      first_half(whole).copy_from(kept_);
      return whole;
    }
    std::size_t bytes() const override { return kept_.bytes(); }
    std::string_view encoding() const override { return "half"; }

   private:
    /// In storage order, whatever the packing.
    static Tensor first_half(const Tensor& tensor) {
      return Tensor({{tensor.count() / 2}, tensor.dtype(), tensor.device()}, tensor.storage(), tensor.offset());
    }

    TensorSpec spec_;
    Tensor kept_;
  };
};

}  // namespace stint::test
