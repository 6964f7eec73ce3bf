#include "op_case_tensors.h"

#include <stint/kernels/reorder/reorder.h>

namespace stint::test {

std::vector<Packing> packings_of(const AnyCase& c, Device device) {
  std::vector<Packing> packings = {Packing::plain};
  bool packable = false;
  for (const Input& input : c.inputs) {
    packable = packable || (input.kind == Input::Kind::activation && can_pack(input.shape));
  }
  if (packable && device.type == Device::Type::cpu) packings.push_back(Packing::c16);
  return packings;
}

std::vector<Tensor> make_inputs(const AnyCase& c, DType dtype, Packing packing, Device device) {
  std::vector<Tensor> tensors;
  for (const Input& input : c.inputs) {
    TensorSpec spec{input.shape, dtype, device};
    if (input.kind == Input::Kind::vector) spec.dtype = DType::f32;
    if (input.kind == Input::Kind::labels) spec.dtype = DType::i32;
    if (input.kind == Input::Kind::activation && can_pack(input.shape)) spec.packing = packing;
    tensors.push_back(input.kind == Input::Kind::absent ? Tensor() : to_tensor(input.values, spec));
  }
  return tensors;
}

Tensor to_tensor(const Reals& values, const TensorSpec& spec) {
  Tensor plain_tensor(spec.shape, spec.dtype);
  require(values.size() == static_cast<std::size_t>(plain_tensor.count()), "test", "wrong number of values");
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (spec.dtype == DType::f32) plain_tensor.data<float>()[i] = static_cast<float>(values[i]);
    if (spec.dtype == DType::bf16) plain_tensor.data<bfloat16>()[i] = bfloat16(static_cast<float>(values[i]));
    if (spec.dtype == DType::i32) plain_tensor.data<std::int32_t>()[i] = static_cast<std::int32_t>(values[i]);
  }
  return packed(plain_tensor.copy_to(spec.device), spec.packing);
}

Reals to_reals(const Tensor& tensor) {
  Tensor here = plain(tensor).copy_to(Device::cpu());
  Reals values;
  for (std::int64_t i = 0; i < here.count(); ++i) {
    if (here.dtype() == DType::f32) values.push_back(here.data<float>()[i]);
    if (here.dtype() == DType::bf16) values.push_back(here.data<bfloat16>()[i]);
    if (here.dtype() == DType::i32) values.push_back(here.data<std::int32_t>()[i]);
  }
  return values;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.spec() != b.spec()) return false;
  Tensor left = a.copy_to(Device::cpu()), right = b.copy_to(Device::cpu());
  return std::memcmp(left.raw(), right.raw(), left.bytes()) == 0;
}

Tensor ReplayedSaved::operator[](int slot) const {
  Tensor tensor = saver_.slots.at(slot).tensor;
  if (slot != perturbed_) return tensor;
  Reals values = to_reals(tensor);
  for (double& value : values) value = 0.5 * value + 1;
  return to_tensor(values, tensor.spec());
}

}  // namespace stint::test
