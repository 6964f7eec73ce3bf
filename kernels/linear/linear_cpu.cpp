// Linear layers on the CPU by oneDNN's inner product; primitives are made once for each case.

#include <stint/kernels/linear/linear_kernels.h>
#include <stint/kernels/onednn.h>
#include <stint/runtime/parallel.h>

#include <map>
#include <mutex>

namespace stint::cpu {

namespace {

using dnnl::memory;
using onednn::Desc;
using onednn::LayerDescs;
using onednn::LayerPrimitive;
using onednn::Pass;

LayerPrimitive prepare(const LinearCase& c, LinearPass pass) {
  auto compute = onednn::type_of(c.dtype);
  auto rows = memory::format_tag::ab;
  LayerDescs plain{Desc({c.rows, c.in}, compute, rows), Desc({c.out, c.in}, compute, rows), Desc(),
                   Desc({c.rows, c.out}, compute, rows)};
  if (c.bias) plain.bias = Desc({c.out}, memory::data_type::f32, memory::format_tag::a);
  Desc any({c.out, c.in}, compute, memory::format_tag::any);
  auto attributes = onednn::user_scratchpad();

  using Forward = dnnl::inner_product_forward;
  Forward::primitive_desc forward({dnnl::prop_kind::forward_training, plain.x, any, plain.bias, plain.y}, attributes,
                                  onednn::engine());
  if (pass == LinearPass::forward) {
    return onednn::prepare<Forward::primitive_desc, Forward>(Pass::forward, forward, plain, forward.weights_desc());
  }
  if (pass == LinearPass::backward_data) {
    using Backward = dnnl::inner_product_backward_data;
    Backward::primitive_desc pd({plain.x, any, plain.y}, attributes, onednn::engine(), forward);
    return onednn::prepare<Backward::primitive_desc, Backward>(Pass::backward_data, pd, plain, pd.weights_desc());
  }
  using Backward = dnnl::inner_product_backward_weights;
  Desc any_f32({c.out, c.in}, memory::data_type::f32, memory::format_tag::any);
  Backward::primitive_desc pd({plain.x, any_f32, plain.bias, plain.y}, attributes, onednn::engine(), forward);
  plain.weight = Desc({c.out, c.in}, memory::data_type::f32, rows);
  return onednn::prepare<Backward::primitive_desc, Backward>(Pass::backward_weights, pd, plain,
                                                             pd.diff_weights_desc());
}

const LayerPrimitive& prepared(const LinearCase& c, LinearPass pass) {
  using Key = std::array<std::int64_t, 7>;
  static std::mutex mutex;
  static std::map<Key, LayerPrimitive> known;
  std::lock_guard lock(mutex);
  Key key = {c.rows, c.in, c.out, static_cast<int>(c.dtype), c.bias, static_cast<int>(pass), thread_count()};
  auto found = known.find(key);
  if (found == known.end()) found = known.emplace(key, prepare(c, pass)).first;
  return found->second;
}

}  // namespace

std::size_t linear_workspace(const LinearCase& c, LinearPass pass, bool accumulate) {
  return prepared(c, pass).workspace(accumulate);
}

void linear_forward(const LinearCase& c, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y,
                    const Tensor& workspace) {
  onednn::run_forward(prepared(c, LinearPass::forward), x, weight, bias, y, workspace);
}

void linear_backward_data(const LinearCase& c, const Tensor& dy, const Tensor& weight, const Tensor& dx, bool accumulate,
                          const Tensor& workspace) {
  onednn::run_backward_data(prepared(c, LinearPass::backward_data), dy, weight, dx, accumulate, workspace);
}

void linear_backward_weights(const LinearCase& c, const Tensor& x, const Tensor& dy, const Tensor& dweight,
                             bool accumulate_weight, const Tensor& dbias, bool accumulate_bias,
                             const Tensor& workspace) {
  onednn::run_backward_weights(prepared(c, LinearPass::backward_weights), x, dy, dweight, accumulate_weight, dbias,
                               accumulate_bias, workspace);
}

}  // namespace stint::cpu
