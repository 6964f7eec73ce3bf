#include <stint/kernels/onednn.h>

#include <array>
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

dnnl::memory memory(const Desc& desc, void* data) {
  return dnnl::memory(desc, engine(), data);
}

void reorder(const Desc& from, void* source, const Desc& to, void* target, bool accumulate = false) {
  dnnl::primitive_attr attributes;
  if (accumulate) {
    dnnl::post_ops sum;
    sum.append_sum(1.0f);
    attributes.set_post_ops(sum);
  }
  dnnl::memory in = memory(from, source), out = memory(to, target);
  dnnl::reorder(dnnl::reorder::primitive_desc(in, out, attributes)).execute(stream(), in, out);
}

/// x, weight or y in one pass.
struct Operand {
  int argument;
  Desc outside;
  Desc inside;
  bool made;  // by this pass; the others are read
  Tensor LayerTensors::*tensor;

  /// It has a place of its own in the workspace.
  bool staged(bool accumulate) const { return inside != outside || (made && accumulate); }
};

std::array<Operand, 3> operands(const LayerPrimitive& p) {
  bool forward = p.pass == Pass::forward, data = p.pass == Pass::backward_data;
  bool weights = p.pass == Pass::backward_weights;
  return {Operand{data ? DNNL_ARG_DIFF_SRC : DNNL_ARG_SRC, p.outside.x, p.inside.x, data, &LayerTensors::x},
          Operand{weights ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS, p.outside.weight, p.inside.weight, weights,
                  &LayerTensors::weight},
          Operand{forward ? DNNL_ARG_DST : DNNL_ARG_DIFF_DST, p.outside.y, p.inside.y, forward, &LayerTensors::y}};
}

void add_floats(const float* source, const Tensor& target, bool accumulate) {
  float* out = target.data<float>();
  for (std::int64_t i = 0; i < target.count(); ++i) out[i] = accumulate ? out[i] + source[i] : source[i];
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
  for (const Operand& o : operands(*this)) {
    if (o.staged(accumulate)) bytes += aligned(o.inside.get_size());
  }
  if (pass == Pass::backward_weights) bytes += aligned(outside.bias.get_size());
  return bytes;
}

void run(const LayerPrimitive& p, const LayerTensors& tensors, const Tensor& workspace) {
  std::byte* next = workspace.raw();
  auto take = [&](std::size_t bytes) { return std::exchange(next, next + aligned(bytes)); };
  std::unordered_map<int, dnnl::memory> arguments;
  Desc scratch({static_cast<std::int64_t>(p.scratchpad)}, dnnl::memory::data_type::u8, dnnl::memory::format_tag::a);
  arguments[DNNL_ARG_SCRATCHPAD] = memory(scratch, take(p.scratchpad));

  auto all = operands(p);
  std::array<std::byte*, 3> places{};
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Operand& o = all[i];
    std::byte* outside = (tensors.*o.tensor).raw();
    places[i] = o.staged(tensors.accumulate) ? take(o.inside.get_size()) : outside;
    if (!o.made && places[i] != outside) reorder(o.outside, outside, o.inside, places[i]);
    arguments[o.argument] = memory(o.inside, places[i]);
  }
  std::byte* bias = tensors.bias.raw();
  if (!p.outside.bias.is_zero()) {
    bool made = p.pass == Pass::backward_weights;
    if (made) bias = take(p.outside.bias.get_size());
    arguments[made ? DNNL_ARG_DIFF_BIAS : DNNL_ARG_BIAS] = memory(p.outside.bias, bias);
  }

  p.primitive.execute(stream(), arguments);

  for (std::size_t i = 0; i < all.size(); ++i) {
    const Operand& o = all[i];
    std::byte* outside = (tensors.*o.tensor).raw();
    if (o.made && places[i] != outside) reorder(o.inside, places[i], o.outside, outside, tensors.accumulate);
  }
  if (p.pass == Pass::backward_weights && tensors.bias) {
    add_floats(reinterpret_cast<const float*>(bias), tensors.bias, tensors.accumulate_bias);
  }
}

}  // namespace stint::onednn
