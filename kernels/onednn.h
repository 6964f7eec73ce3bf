#pragma once

#include <stint/kernels/kept_weights.h>

#include <array>
#include <dnnl.hpp>

/// What conv2d and linear share on the CPU: layers y = weight * x + bias, run by oneDNN. A tensor whose memory is not
/// laid out as the primitive wants it is reordered in the workspace, in every pass: activations of few channels, and
/// the weight, unless this thread keeps weights.
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

/// The tensors of one run. `dx` or `dweight` is added to where `accumulate` says so; `accumulate_bias` likewise.
struct LayerTensors {
  Tensor x;       ///< dx in backward_data
  Tensor weight;  ///< dweight (f32) in backward_weights
  Tensor y;       ///< dy in the backward passes
  Tensor bias;    ///< dbias in backward_weights; may be empty
  bool accumulate = false;
  bool accumulate_bias = false;
};

/// x, weight or y in one pass, on both sides of its reorder.
struct Operand {
  int argument;  ///< oneDNN's number of it
  bool made;     ///< by this pass; the others are read
  Tensor LayerTensors::*tensor;
  bool differs;          ///< the two sides are not laid out alike
  std::size_t bytes;     ///< inside
  dnnl::memory outside;  ///< as the tensor lies
  dnnl::memory inside;   ///< as the primitive wants it
  /// From where it is to where it shall be, made when first used; the second adds.
  std::array<dnnl::reorder, 2> reorders = {};

  /// It has a place of its own in the workspace.
  bool staged(bool accumulate) const { return differs || (made && accumulate); }
  void reorder(bool add = false);
};

/// One pass of one layer. Every pass reads two of (x, weight, y) and makes the third. What oneDNN needs is made once
/// and pointed at each run's memory: one thread may use it, no more.
class LayerPass {
 public:
  LayerPass(Pass pass, dnnl::primitive primitive, const LayerDescs& outside, const LayerDescs& inside,
            const Desc& scratchpad);

  /// Bytes of workspace that a run needs.
  std::size_t workspace(bool accumulate) const;
  /// Makes the place of a weight where this thread keeps weights; returns the bytes of workspace that need not be.
  std::size_t keep(const Tensor& weight) const;
  void run(const LayerTensors& tensors, const Tensor& workspace);

 private:
  /// Where the weight is kept in this pass's layout; null where it is not kept.
  KeptWeights::Place* kept(const Tensor& weight) const;

  Pass pass_;
  int weight_layout_;
  dnnl::primitive primitive_;
  std::array<Operand, 3> operands_;
  std::size_t bias_bytes_, scratch_bytes_;
  dnnl::memory bias_;  // empty without one
  dnnl::memory scratch_;
};

/// Scratch memory is ours, so that it is accounted for.
dnnl::primitive_attr user_scratchpad();

}  // namespace stint::onednn
