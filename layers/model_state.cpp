#include <stint/kernels/vector/vector.h>
#include <stint/layers/model_state.h>
#include <stint/runtime/host_copy.h>

#include <algorithm>

namespace stint {

namespace {

/// Sequences for initial weights are numbered from here on, away from those a run draws (dropout, data).
constexpr std::uint64_t weight_sequences = std::uint64_t{1} << 62;

Tensor flat(Purpose purpose, std::int64_t extent, DType dtype, Device device) {
  PurposeScope scope(purpose);
  Tensor tensor({extent}, dtype, device);
  tensor.zero();
  return tensor;
}

Tensor place(const Tensor& flat_vector, const Block& block) {
  return flat_vector.slice(block.offset, block.count).reshaped(block.shape);
}

}  // namespace

ModelState::ModelState(Module& model, Device device, DType compute, std::uint64_t seed) : compute_(compute) {
  require(compute == DType::f32 || compute == DType::bf16, "model", "expected to compute in f32 or bf16, got {}",
          name_of(compute));
  model.name_tree();
  model.visit([&](Module& module) {
    for (auto& p : module.parameters()) {
      parameter_table_.add(p->leaf.name, p->shape, p->decay, p->lr_scale);
      members_.push_back(p.get());
    }
    for (auto& b : module.buffers()) {
      buffer_table_.add(b->name, b->shape, false);
      buffer_members_.push_back(b.get());
    }
  });
  allocate(device);
  if (device.type != Device::Type::null) draw_initial_weights(seed);
  forget_gradients();
}

void ModelState::allocate(Device device) {
  parameters_ = flat(Purpose::parameter, parameter_table_.extent(), DType::f32, device);
  gradients_ = flat(Purpose::gradient, parameter_table_.extent(), DType::f32, device);
  buffers_ = flat(Purpose::parameter, buffer_table_.extent(), DType::f32, device);
  if (compute_ == DType::bf16) twin_ = flat(Purpose::parameter, parameter_table_.extent(), DType::bf16, device);
  for (std::size_t i = 0; i < members_.size(); ++i) {
    Parameter& p = *members_[i];
    p.master = place(parameters_, parameter_table_[i]);
    p.leaf.value = p.mixed && twin_ ? place(twin_, parameter_table_[i]) : p.master;
    p.leaf.gradient = place(gradients_, parameter_table_[i]);
  }
  for (std::size_t i = 0; i < buffer_members_.size(); ++i) {
    buffer_members_[i]->value = place(buffers_, buffer_table_[i]);
  }
}

void ModelState::draw_initial_weights(std::uint64_t seed) {
  std::vector<float> values;  // of one tensor
  for (std::size_t i = 0; i < members_.size(); ++i) {
    values.assign(members_[i]->master.count(), 0);
    members_[i]->initialise(values, {seed, weight_sequences + i});
    copy_from_host(std::as_bytes(std::span(values)), members_[i]->master);
  }
  for (Buffer* buffer : buffer_members_) {
    values.assign(buffer->value.count(), buffer->initial);
    copy_from_host(std::as_bytes(std::span(values)), buffer->value);
  }
  refresh_twin();
}

void ModelState::forget_gradients() {
  for (Parameter* p : members_) p->leaf.gradient_set = false;
}

void ModelState::complete_gradients() {
  for (Parameter* p : members_) {
    if (!std::exchange(p->leaf.gradient_set, true)) p->leaf.gradient.zero();
  }
}

void ModelState::refresh_twin() {
  if (twin_) add_to(parameters_, twin_, false);
}

}  // namespace stint
