#pragma once

#include <stint/runtime/tensor.h>

#include <dnnl.hpp>

/// What conv2d and linear share on the CPU: layers with weights, run by oneDNN. Weights stay in their plain order outside
/// and are reordered into what the primitive wants inside the workspace, in every pass.
namespace stint::onednn {

using Desc = dnnl::memory::desc;

enum class Pass { forward, backward_data, backward_weights };

const dnnl::engine& engine();

dnnl::memory::data_type type_of(DType dtype);

/// A layer's tensors as oneDNN sees them: in logical order N,C,H,W and O,I,H,W, with the strides of our memory.
struct LayerDescs {
  Desc x;
  Desc weight;  ///< in the compute dtype
  Desc bias;    ///< f32; zero for none
  Desc y;
};

/// One pass of one layer, ready to run. Every pass reads two of (x, weight, y) and writes the third.
struct LayerPrimitive {
  Pass pass;
  dnnl::primitive primitive;
  LayerDescs plain;      ///< as the tensors lie outside; for backward_weights the weight is f32
  Desc weight;           ///< the weight as the primitive wants or makes it
  std::size_t scratchpad = 0;

  /// Bytes of workspace that `run_*` needs.
  std::size_t workspace(bool accumulate) const;
};

/// Makes the primitive out of a primitive descriptor.
template <typename PrimitiveDesc, typename Primitive>
LayerPrimitive prepare(Pass pass, const PrimitiveDesc& pd, const LayerDescs& plain, const Desc& weight) {
  return {pass, Primitive(pd), plain, weight, pd.scratchpad_desc().get_size()};
}

/// Scratch memory is ours (accounted), and every pass may use bf16 inputs with f32 results.
dnnl::primitive_attr user_scratchpad();

void run_forward(const LayerPrimitive& p, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y,
                 const Tensor& workspace);
void run_backward_data(const LayerPrimitive& p, const Tensor& dy, const Tensor& weight, const Tensor& dx,
                       bool accumulate, const Tensor& workspace);
/// dbias is made here where the layer has one, into its place or, if it is empty, nowhere.
void run_backward_weights(const LayerPrimitive& p, const Tensor& x, const Tensor& dy, const Tensor& dweight,
                          bool accumulate_weight, const Tensor& dbias, bool accumulate_bias, const Tensor& workspace);

}  // namespace stint::onednn
