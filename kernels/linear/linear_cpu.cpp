// Linear layers on the CPU by oneDNN's inner product; primitives are made once for each case and thread.

#include <stint/kernels/linear/linear_kernels.h>
#include <stint/kernels/onednn.h>
#include <stint/runtime/parallel.h>

#include <map>

namespace stint::cpu {

namespace {

using dnnl::memory;
using onednn::Desc;
using onednn::LayerDescs;
using onednn::LayerPass;
using onednn::Pass;

LayerPass prepare(const LinearCase& c, LinearPass pass) {
  auto compute = onednn::type_of(c.dtype);
  auto rows = memory::format_tag::ab;
  LayerDescs outside{Desc({c.rows, c.in}, compute, rows), Desc({c.out, c.in}, compute, rows),
                     Desc({c.rows, c.out}, compute, rows), Desc()};
  if (c.bias) outside.bias = Desc({c.out}, memory::data_type::f32, memory::format_tag::a);
  LayerDescs inside = outside;
  Desc any({c.out, c.in}, compute, memory::format_tag::any);
  auto attributes = onednn::user_scratchpad();

  using Forward = dnnl::inner_product_forward;
  Forward::primitive_desc forward({dnnl::prop_kind::forward_training, outside.x, any, outside.bias, outside.y},
                                  attributes, onednn::engine());
  if (pass == LinearPass::forward) {
    inside.weight = forward.weights_desc();
    return {Pass::forward, Forward(forward), outside, inside, forward.scratchpad_desc()};
  }
  if (pass == LinearPass::backward_data) {
    using Backward = dnnl::inner_product_backward_data;
    Backward::primitive_desc pd({outside.x, any, outside.y}, attributes, onednn::engine(), forward);
    inside.weight = pd.weights_desc();
    return {Pass::backward_data, Backward(pd), outside, inside, pd.scratchpad_desc()};
  }
  using Backward = dnnl::inner_product_backward_weights;
  Desc any_f32({c.out, c.in}, memory::data_type::f32, memory::format_tag::any);
  Backward::primitive_desc pd({outside.x, any_f32, outside.bias, outside.y}, attributes, onednn::engine(), forward);
  outside.weight = Desc({c.out, c.in}, memory::data_type::f32, rows);
  inside.weight = pd.diff_weights_desc();
  return {Pass::backward_weights, Backward(pd), outside, inside, pd.scratchpad_desc()};
}

LayerPass& prepared(const LinearCase& c, LinearPass pass) {
  using Key = std::array<std::int64_t, 7>;
  thread_local std::map<Key, LayerPass> known;
  Key key = {c.rows, c.in, c.out, static_cast<int>(c.dtype), c.bias, static_cast<int>(pass), thread_count()};
  auto found = known.find(key);
  if (found == known.end()) found = known.emplace(key, prepare(c, pass)).first;
  return found->second;
}

}  // namespace

std::size_t linear_workspace(const LinearCase& c, LinearPass pass, const Tensor& weight, bool accumulate) {
  const LayerPass& ready = prepared(c, pass);
  return ready.workspace(accumulate) - ready.keep(weight);
}

void linear_forward(const LinearCase& c, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y,
                    const Tensor& workspace) {
  prepared(c, LinearPass::forward).run({.x = x, .weight = weight, .y = y, .bias = bias}, workspace);
}

void linear_backward_data(const LinearCase& c, const Tensor& dy, const Tensor& weight, const Tensor& dx,
                          bool accumulate, const Tensor& workspace) {
  prepared(c, LinearPass::backward_data)
      .run({.x = dx, .weight = weight, .y = dy, .bias = {}, .accumulate = accumulate}, workspace);
}

void linear_backward_weights(const LinearCase& c, const Tensor& x, const Tensor& dy, const Tensor& dweight,
                             bool accumulate_weight, const Tensor& dbias, bool accumulate_bias,
                             const Tensor& workspace) {
  prepared(c, LinearPass::backward_weights)
      .run({.x = x,
            .weight = dweight,
            .y = dy,
            .bias = dbias,
            .accumulate = accumulate_weight,
            .accumulate_bias = accumulate_bias},
           workspace);
}

}  // namespace stint::cpu
