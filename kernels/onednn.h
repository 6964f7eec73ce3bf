#pragma once

#include <stint/runtime/tensor.h>

#include <dnnl.hpp>

/// What conv2d and linear share on the CPU: layers y = weight * x + bias, run by oneDNN. A tensor whose memory is not
/// laid out as the primitive wants it is reordered in the workspace, in every pass: the weight always, activations of
/// few channels too.
namespace stint::onednn {

using Desc = dnnl::memory::desc;

enum class Pass { forward, backward_data, backward_weights };

const dnnl::engine& engine();

dnnl::memory::data_type type_of(DType dtype);

/// A layer's tensors as oneDNN sees them, in its logical order (N,C,H,W and O,I,H,W). bias: f32, or zero for none.
struct LayerDescs {
  Desc x;
  Desc weight;
  Desc y;
  Desc bias;
};

/// One pass of one layer, ready to run. Every pass reads two of (x, weight, y) and makes the third.
struct LayerPrimitive {
  Pass pass;
  dnnl::primitive primitive;
  LayerDescs outside;  ///< as the tensors lie
  LayerDescs inside;   ///< as the primitive wants them
  std::size_t scratchpad = 0;

  /// Bytes of workspace that a run needs.
  std::size_t workspace(bool accumulate) const;
};

/// The tensors of one run. `dx` or `dweight` is added to where `accumulate` says so; `accumulate_bias` likewise.
struct LayerTensors {
  Tensor x;       ///< dx in backward_data
  Tensor weight;  ///< dweight (f32) in backward_weights
  Tensor y;       ///< dy in the backward passes
  Tensor bias;    ///< dbias in backward_weights; may be empty
  bool accumulate = false;
  bool accumulate_bias = false;
};

void run(const LayerPrimitive& p, const LayerTensors& tensors, const Tensor& workspace);

/// Scratch memory is ours, so that it is accounted for.
dnnl::primitive_attr user_scratchpad();

}  // namespace stint::onednn
