#pragma once

#include <stint/layers/module.h>
#include <stint/runtime/block_table.h>

namespace stint {

/// The memory of a model: parameters, gradients and buffers, each one flat f32 vector, and with bf16 compute a bf16
/// twin of the parameters. Making it names the tree, draws the initial weights (a function of the seed alone) and
/// points every parameter of the tree at its place. The module must outlive it and can have one state only.
class ModelState {
 public:
  ModelState(Module& model, Device device, DType compute, std::uint64_t seed);
  ModelState(const ModelState&) = delete;
  ModelState& operator=(const ModelState&) = delete;

  const BlockTable& parameter_table() const { return parameter_table_; }
  const BlockTable& buffer_table() const { return buffer_table_; }
  /// The tree's parameters, in the order of the table.
  const std::vector<Parameter*>& members() const { return members_; }
  const Tensor& parameters() const { return parameters_; }
  const Tensor& gradients() const { return gradients_; }
  const Tensor& buffers() const { return buffers_; }
  const Tensor& twin() const { return twin_; }  ///< empty unless the compute dtype is bf16
  DType compute() const { return compute_; }
  Device device() const { return parameters_.device(); }

  /// The next backward overwrites gradients instead of adding to them.
  void forget_gradients();
  /// Zeroes the gradients of parameters that no backward has reached since `forget_gradients`.
  void complete_gradients();
  /// Makes the bf16 twin again after the parameters were changed by other means than an optimiser.
  void refresh_twin();

 private:
  void allocate(Device device);
  void draw_initial_weights(std::uint64_t seed);

  std::vector<Parameter*> members_;
  std::vector<Buffer*> buffer_members_;
  BlockTable parameter_table_;
  BlockTable buffer_table_;
  Tensor parameters_, gradients_, buffers_, twin_;
  DType compute_;
};

}  // namespace stint
