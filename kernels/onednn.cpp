#include <stint/kernels/onednn.h>

#include <algorithm>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace stint::onednn {

namespace {

std::size_t aligned(std::size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

dnnl::stream& stream() {
  thread_local dnnl::stream instance(engine());
  return instance;
}

/// Without an address yet.
dnnl::memory memory(const Desc& desc) {
  return dnnl::memory(desc, engine(), DNNL_MEMORY_NONE);
}

/// As dnnl::primitive's own `execute`, which makes a list of its arguments each time.
void execute(const dnnl::primitive& primitive, std::span<const dnnl_exec_arg_t> arguments) {
  dnnl::error::wrap_c_api(
      dnnl_primitive_execute(primitive.get(), stream().get(), static_cast<int>(arguments.size()), arguments.data()),
      "could not execute a primitive");
}

dnnl::reorder make_reorder(const dnnl::memory& from, const dnnl::memory& to, bool add) {
  dnnl::primitive_attr attributes;
  if (add) {
    dnnl::post_ops sum;
    sum.append_sum(1.0f);
    attributes.set_post_ops(sum);
  }
  return dnnl::reorder(dnnl::reorder::primitive_desc(from, to, attributes));
}

Operand operand(int argument, bool made, Tensor LayerTensors::*tensor, const Desc& outside, const Desc& inside) {
  return {argument, made, tensor, outside != inside, inside.get_size(), memory(outside), memory(inside)};
}

/// The same for equal layouts.
int layout_number(const Desc& desc) {
  static std::mutex mutex;
  static std::vector<Desc> known;
  std::lock_guard lock(mutex);
  auto found = std::find(known.begin(), known.end(), desc);
  if (found == known.end()) found = known.insert(found, desc);
  return static_cast<int>(found - known.begin());
}

std::array<Operand, 3> operands(Pass pass, const LayerDescs& outside, const LayerDescs& inside) {
  bool forward = pass == Pass::forward, data = pass == Pass::backward_data, weights = pass == Pass::backward_weights;
  return {operand(data ? DNNL_ARG_DIFF_SRC : DNNL_ARG_SRC, data, &LayerTensors::x, outside.x, inside.x),
          operand(weights ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS, weights, &LayerTensors::weight, outside.weight,
                  inside.weight),
          operand(forward ? DNNL_ARG_DST : DNNL_ARG_DIFF_DST, forward, &LayerTensors::y, outside.y, inside.y)};
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

void Operand::reorder(bool add) {
  const dnnl::memory& from = made ? inside : outside;
  const dnnl::memory& to = made ? outside : inside;
  dnnl::reorder& primitive = reorders[add];
  if (!primitive) primitive = make_reorder(from, to, add);
  std::array<dnnl_exec_arg_t, 2> arguments = {{{DNNL_ARG_FROM, from.get()}, {DNNL_ARG_TO, to.get()}}};
  execute(primitive, arguments);
}

LayerPass::LayerPass(Pass pass, dnnl::primitive primitive, const LayerDescs& outside, const LayerDescs& inside,
                     const Desc& scratchpad)
    : pass_(pass),
      weight_layout_(layout_number(inside.weight)),
      primitive_(std::move(primitive)),
      operands_(operands(pass, outside, inside)),
      bias_bytes_(outside.bias.get_size()),
      scratch_bytes_(scratchpad.get_size()),
      scratch_(memory(scratchpad)) {
  if (bias_bytes_ > 0) bias_ = memory(outside.bias);
}

std::size_t LayerPass::workspace(bool accumulate) const {
  std::size_t bytes = aligned(scratch_bytes_);
  for (const Operand& o : operands_) {
    if (o.staged(accumulate)) bytes += aligned(o.bytes);
  }
  if (pass_ == Pass::backward_weights) bytes += aligned(bias_bytes_);
  return bytes;
}

KeptWeights::Place* LayerPass::kept(const Tensor& weight) const {
  KeptWeights* all = KeptWeights::current();
  const Operand& o = operands_[1];
  return all && o.differs && !o.made ? &all->place(weight, weight_layout_, o.bytes) : nullptr;
}

std::size_t LayerPass::keep(const Tensor& weight) const {
  return kept(weight) ? aligned(operands_[1].bytes) : 0;
}

void LayerPass::run(const LayerTensors& tensors, const Tensor& workspace) {
  std::byte* next = workspace.raw();
  auto take = [&](std::size_t bytes) { return std::exchange(next, next + aligned(bytes)); };
  bool adds = tensors.accumulate, makes_bias = pass_ == Pass::backward_weights;
  scratch_.set_data_handle(take(scratch_bytes_));
  for (Operand& o : operands_) {
    const Tensor& tensor = tensors.*o.tensor;
    KeptWeights::Place* place = o.tensor == &LayerTensors::weight ? kept(tensor) : nullptr;
    bool staged = o.staged(adds);
    o.outside.set_data_handle(tensor.raw());
    o.inside.set_data_handle(place ? place->memory.raw() : staged ? take(o.bytes) : tensor.raw());
    if (staged && !o.made && !(place && place->filled)) o.reorder();
    if (place) place->filled = true;
  }
  std::byte* bias = makes_bias ? take(bias_bytes_) : tensors.bias.raw();
  std::array<dnnl_exec_arg_t, 5> arguments;
  int count = 0;
  auto give = [&](int argument, const dnnl::memory& memory) { arguments[count++] = {argument, memory.get()}; };
  give(DNNL_ARG_SCRATCHPAD, scratch_);
  for (const Operand& o : operands_) give(o.argument, o.inside);
  if (bias_) {
    bias_.set_data_handle(bias);
    give(makes_bias ? DNNL_ARG_DIFF_BIAS : DNNL_ARG_BIAS, bias_);
  }
  execute(primitive_, std::span(arguments).first(count));

  for (Operand& o : operands_) {
    if (o.made && o.staged(adds)) o.reorder(adds);
  }
  if (makes_bias && tensors.bias) {
    add_floats(reinterpret_cast<const float*>(bias), tensors.bias, tensors.accumulate_bias);
  }
}

}  // namespace stint::onednn
