#include <stint/kernels/onednn.h>
#include <stint/kernels/vector/vector.h>

#include <unordered_map>
#include <utility>

namespace stint::onednn {

namespace {

std::size_t aligned(std::size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

dnnl::stream& stream() {
  thread_local dnnl::stream instance(engine());
  return instance;
}

/// Cuts a workspace into pieces.
class Pieces {
 public:
  explicit Pieces(const Tensor& workspace) : next_(workspace.raw()) {}
  void* take(std::size_t bytes) { return std::exchange(next_, next_ + aligned(bytes)); }

 private:
  std::byte* next_;
};

dnnl::memory memory(const Desc& desc, const void* data) {
  return dnnl::memory(desc, engine(), const_cast<void*>(data));
}

void reorder(const Desc& from, const void* source, const Desc& to, void* target, bool accumulate = false) {
  dnnl::primitive_attr attributes;
  if (accumulate) {
    dnnl::post_ops sum;
    sum.append_sum(1.0f);
    attributes.set_post_ops(sum);
  }
  dnnl::memory in = memory(from, source), out = memory(to, target);
  dnnl::reorder(dnnl::reorder::primitive_desc(in, out, attributes)).execute(stream(), in, out);
}

using Arguments = std::unordered_map<int, dnnl::memory>;

Arguments scratchpad_argument(const LayerPrimitive& p, Pieces& pieces) {
  Desc desc({static_cast<std::int64_t>(p.scratchpad)}, dnnl::memory::data_type::u8, dnnl::memory::format_tag::a);
  return {{DNNL_ARG_SCRATCHPAD, memory(desc, pieces.take(p.scratchpad))}};
}

/// The weight where the primitive wants it.
const void* wanted_weight(const LayerPrimitive& p, const Tensor& weight, Pieces& pieces) {
  if (p.weight == p.plain.weight) return weight.raw();
  void* copy = pieces.take(p.weight.get_size());
  reorder(p.plain.weight, weight.raw(), p.weight, copy);
  return copy;
}

void add_floats(const void* source, const Tensor& target, bool accumulate) {
  const auto* values = static_cast<const float*>(source);
  float* out = target.data<float>();
  for (std::int64_t i = 0; i < target.count(); ++i) out[i] = accumulate ? out[i] + values[i] : values[i];
}

}  // namespace

const dnnl::engine& engine() {
  static const dnnl::engine instance(dnnl::engine::kind::cpu, 0);
  return instance;
}

dnnl::memory::data_type type_of(DType dtype) {
  return dtype == DType::bf16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
}

dnnl::primitive_attr user_scratchpad() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

std::size_t LayerPrimitive::workspace(bool accumulate) const {
  std::size_t bytes = aligned(scratchpad);
  bool own_weight = pass == Pass::backward_weights && accumulate;
  if (own_weight || weight != plain.weight) bytes += aligned(weight.get_size());
  if (pass == Pass::backward_weights) bytes += aligned(plain.bias.get_size());
  if (pass == Pass::backward_data && accumulate) bytes += aligned(plain.x.get_size());
  return bytes;
}

void run_forward(const LayerPrimitive& p, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y,
                 const Tensor& workspace) {
  Pieces pieces(workspace);
  Arguments arguments = scratchpad_argument(p, pieces);
  arguments[DNNL_ARG_SRC] = memory(p.plain.x, x.raw());
  arguments[DNNL_ARG_WEIGHTS] = memory(p.weight, wanted_weight(p, weight, pieces));
  if (bias) arguments[DNNL_ARG_BIAS] = memory(p.plain.bias, bias.raw());
  arguments[DNNL_ARG_DST] = memory(p.plain.y, y.raw());
  p.primitive.execute(stream(), arguments);
}

void run_backward_data(const LayerPrimitive& p, const Tensor& dy, const Tensor& weight, const Tensor& dx,
                       bool accumulate, const Tensor& workspace) {
  Pieces pieces(workspace);
  Arguments arguments = scratchpad_argument(p, pieces);
  arguments[DNNL_ARG_DIFF_DST] = memory(p.plain.y, dy.raw());
  arguments[DNNL_ARG_WEIGHTS] = memory(p.weight, wanted_weight(p, weight, pieces));
  void* result = accumulate ? pieces.take(p.plain.x.get_size()) : dx.raw();
  arguments[DNNL_ARG_DIFF_SRC] = memory(p.plain.x, result);
  p.primitive.execute(stream(), arguments);
  if (accumulate) reorder(p.plain.x, result, p.plain.x, dx.raw(), true);
}

void run_backward_weights(const LayerPrimitive& p, const Tensor& x, const Tensor& dy, const Tensor& dweight,
                          bool accumulate_weight, const Tensor& dbias, bool accumulate_bias, const Tensor& workspace) {
  Pieces pieces(workspace);
  Arguments arguments = scratchpad_argument(p, pieces);
  bool direct = !accumulate_weight && p.weight == p.plain.weight;
  void* weight = direct ? dweight.raw() : pieces.take(p.weight.get_size());
  arguments[DNNL_ARG_SRC] = memory(p.plain.x, x.raw());
  arguments[DNNL_ARG_DIFF_DST] = memory(p.plain.y, dy.raw());
  arguments[DNNL_ARG_DIFF_WEIGHTS] = memory(p.weight, weight);
  void* bias = nullptr;
  if (!p.plain.bias.is_zero()) {
    bias = pieces.take(p.plain.bias.get_size());
    arguments[DNNL_ARG_DIFF_BIAS] = memory(p.plain.bias, bias);
  }
  p.primitive.execute(stream(), arguments);
  if (!direct) reorder(p.weight, weight, p.plain.weight, dweight.raw(), accumulate_weight);
  if (dbias) add_floats(bias, dbias, accumulate_bias);
}

}  // namespace stint::onednn
