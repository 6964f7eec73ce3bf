#include "op_case_tensors.h"

#include <stint/kernels/reorder/reorder.h>
#include <stint/runtime/cuda_driver.h>

#include <cstdlib>

namespace stint::test {

std::vector<Device> devices() {
  if (const char* only = std::getenv("STINT_TEST_DEVICE")) return {Device::parse(only)};
  std::vector<Device> all = {Device::cpu()};
  if (cuda_device_count() > 0) all.push_back(Device::cuda());
  return all;
}

std::vector<Packings> packings_of(const AnyCase& c, Device device) {
  std::vector<Packings> all = {Packings(c.inputs.size(), Packing::plain)};
  if (device.type == Device::Type::cuda) return all;
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    if (c.inputs[i].kind != Input::Kind::activation || !can_pack(c.inputs[i].shape)) continue;
    std::vector<Packings> blocked = all;
    for (Packings& packings : blocked) packings[i] = Packing::c16;
    all.insert(all.end(), blocked.begin(), blocked.end());
  }
  return all;
}

std::vector<Tensor> make_inputs(const AnyCase& c, DType dtype, const Packings& packings, Device device) {
  std::vector<Tensor> tensors;
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    const Input& input = c.inputs[i];
    TensorSpec spec{input.shape, dtype, device, packings[i]};
    if (input.kind == Input::Kind::vector) spec.dtype = DType::f32;
    if (input.kind == Input::Kind::labels) spec.dtype = DType::i32;
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

bool has_gradient(const Input& input) {
  return input.kind != Input::Kind::absent && input.kind != Input::Kind::labels;
}

std::vector<Tensor> run_backward(const AnyCase& c, const std::vector<Tensor>& inputs, const Saved& saved,
                                 const Tensor& dy, const Wanted& wanted) {
  std::vector<Tensor> out(inputs.size());
  std::vector<std::byte*> places(inputs.size());
  std::vector<Grad> grads;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    bool asked = has_gradient(c.inputs[i]) && (wanted.only < 0 || wanted.only == static_cast<int>(i));
    bool parameter = c.inputs[i].kind != Input::Kind::activation;
    bool adds = !wanted.old.empty() && wanted.old[i];
    TensorSpec spec = inputs[i].spec();
    if (parameter) spec.dtype = DType::f32;
    if (asked && adds) out[i] = wanted.old[i].copy_to(spec.device);
    if (asked && !adds && parameter) out[i] = Tensor(spec);
    places[i] = out[i].raw();
    grads.emplace_back(!asked ? GradMode::ignore
                       : adds ? GradMode::accumulate
                              : GradMode::overwrite,
                       out[i], spec, parameter);
  }
  c.backward(saved, dy, grads);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    require(static_cast<bool>(out[i]) == grads[i].wanted(), "test", "input {}: no gradient, or one too many", i);
    require(!out[i] || out[i].spec() == grads[i].spec(), "test", "the gradient of input {} has another spec", i);
    bool elsewhere = places[i] && c.inputs[i].kind != Input::Kind::activation && out[i].raw() != places[i];
    require(!elsewhere, "test", "the gradient of parameter {} was not written in place", i);
  }
  return out;
}

}  // namespace stint::test
