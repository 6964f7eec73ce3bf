// Convolution on the CPU by oneDNN, by Winograd where that wins: our choice, a function of the shape alone, since
// oneDNN's own (`convolution_auto`) takes it for images of 2x2, where it loses by half, and leaves it out of weight
// gradients, where it wins by as much (docs/measurements). Primitives are made once for each case and thread.

#include <fmt/format.h>
#include <stint/kernels/conv2d/conv2d_kernels.h>
#include <stint/kernels/cpu_arithmetic.h>
#include <stint/kernels/onednn.h>
#include <stint/runtime/parallel.h>

#include <cstdlib>
#include <map>

namespace stint {

namespace {

std::string_view layout_choice() {
  const char* text = std::getenv("STINT_CPU_CONV");
  return text ? text : "blocked";
}

/// STINT_WINOGRAD is auto (where it wins), off, or always (where oneDNN has it). Read for every call, so that one
/// program can compare.
std::string_view winograd_choice() {
  const char* text = std::getenv("STINT_WINOGRAD");
  std::string_view choice = text ? text : "auto";
  if (choice == "auto" || choice == "off" || choice == "always") return choice;
  fail(ErrorKind::usage, "STINT_WINOGRAD", "expected auto, off or always, got '{}'", choice);
}

}  // namespace

std::string cpu_arithmetic() {
  return fmt::format("isa {:#x}, conv {}, winograd {}", static_cast<unsigned>(dnnl::get_effective_cpu_isa()),
                     layout_choice(), winograd_choice());
}

CpuConvLayout cpu_conv_layout() {
  static const CpuConvLayout layout = [] {
    std::string_view name = layout_choice();
    if (name == "blocked") return CpuConvLayout::blocked;
    if (name == "reordered") return CpuConvLayout::reordered;
    if (name == "channels-last") return CpuConvLayout::channels_last;
    fail(ErrorKind::usage, "STINT_CPU_CONV", "expected blocked, reordered or channels-last, got '{}'", name);
  }();
  return layout;
}

namespace cpu {

namespace {

using dnnl::memory;
using onednn::Desc;
using onednn::LayerDescs;
using onednn::LayerPass;
using onednn::Pass;

Desc lying(const TensorSpec& t) {
  auto tag = t.packing == Packing::c16 ? memory::format_tag::nChw16c : memory::format_tag::nhwc;
  return Desc({t.shape[0], t.shape[3], t.shape[1], t.shape[2]}, onednn::type_of(t.dtype), tag);
}

Desc any_layout(const TensorSpec& t) {
  return Desc({t.shape[0], t.shape[3], t.shape[1], t.shape[2]}, onednn::type_of(t.dtype), memory::format_tag::any);
}

/// A blocked tensor is taken as it lies. For a number of channels that cannot be blocked oneDNN may have a far better
/// layout (nchw for images of three channels): it says which.
Desc wanted(const TensorSpec& t) {
  CpuConvLayout layout = cpu_conv_layout();
  auto tag = memory::format_tag::any;
  if (t.packing == Packing::c16 || (layout == CpuConvLayout::reordered && t.shape[3] % 16 == 0)) {
    tag = memory::format_tag::nChw16c;
  } else if (layout == CpuConvLayout::channels_last) {
    tag = memory::format_tag::nhwc;
  }
  return Desc({t.shape[0], t.shape[3], t.shape[1], t.shape[2]}, onednn::type_of(t.dtype), tag);
}

/// Winograd works on tiles of 4x4 outputs of a 3x3 window, a quarter of the arithmetic; what it computes beyond the
/// image's edge is lost, and few tiles do not pay for the weights, which grow four times. oneDNN has it in f32 for
/// blocked channels.
bool winograd_wins(const ConvCase& c) {
  std::int64_t images = c.y.shape[0], height = c.y.shape[1], width = c.y.shape[2];
  std::int64_t tiles = (height + 3) / 4 * ((width + 3) / 4);
  return images * tiles >= 32 && 2 * 16 * tiles <= 5 * height * width;
}

bool use_winograd(const ConvCase& c) {
  bool possible = c.x.dtype == DType::f32 && c.window.kernel == 3 && c.window.stride == 1 && c.x.shape[3] % 16 == 0 &&
                  c.y.shape[3] % 16 == 0;
  std::string_view choice = winograd_choice();
  return possible && choice != "off" && (choice == "always" || winograd_wins(c));
}

LayerPass prepare(const ConvCase& c, ConvPass pass, dnnl::algorithm algorithm) {
  Shape w = c.weight();
  memory::dims weight_dims = {w[0], w[3], w[1], w[2]};
  auto compute = onednn::type_of(c.x.dtype);
  LayerDescs outside{lying(c.x), Desc(weight_dims, compute, memory::format_tag::ohwi), lying(c.y), Desc()};
  if (c.bias) outside.bias = Desc({w[0]}, memory::data_type::f32, memory::format_tag::a);
  Desc x = wanted(c.x), y = wanted(c.y), weight(weight_dims, compute, memory::format_tag::any);
  memory::dims strides = {c.window.stride, c.window.stride}, padding = {c.window.padding, c.window.padding};
  auto attributes = onednn::user_scratchpad();

  using Forward = dnnl::convolution_forward;
  Forward::primitive_desc forward(
      {dnnl::prop_kind::forward_training, algorithm, x, weight, outside.bias, y, strides, padding, padding}, attributes,
      onednn::engine());
  if (pass == ConvPass::forward) {
    LayerDescs inside{forward.src_desc(), forward.weights_desc(), forward.dst_desc(), outside.bias};
    return {Pass::forward, Forward(forward), outside, inside, forward.scratchpad_desc()};
  }
  if (pass == ConvPass::backward_data) {
    using Backward = dnnl::convolution_backward_data;
    Backward::primitive_desc pd({algorithm, x, weight, y, strides, padding, padding}, attributes, onednn::engine(),
                                forward);
    LayerDescs inside{pd.diff_src_desc(), pd.weights_desc(), pd.diff_dst_desc(), Desc()};
    return {Pass::backward_data, Backward(pd), outside, inside, pd.scratchpad_desc()};
  }
  // With a blocked dy beside an x that cannot be blocked oneDNN has only its reference loops.
  if (c.x.shape[3] % 16 != 0) y = any_layout(c.y);
  using Backward = dnnl::convolution_backward_weights;
  Desc dweight(weight_dims, memory::data_type::f32, memory::format_tag::any);
  Backward::primitive_desc pd({algorithm, x, dweight, outside.bias, y, strides, padding, padding}, attributes,
                              onednn::engine(), forward);
  outside.weight = Desc(weight_dims, memory::data_type::f32, memory::format_tag::ohwi);
  LayerDescs inside{pd.src_desc(), pd.diff_weights_desc(), pd.diff_dst_desc(), outside.bias};
  return {Pass::backward_weights, Backward(pd), outside, inside, pd.scratchpad_desc()};
}

/// Winograd's scratch memory grows with the batch; from here on direct convolution, which has hardly any, is taken.
constexpr std::size_t most_scratch = std::size_t{256} << 20;

LayerPass prepare(const ConvCase& c, ConvPass pass) {
  if (use_winograd(c)) {
    try {
      LayerPass fast = prepare(c, pass, dnnl::algorithm::convolution_winograd);
      if (fast.workspace(false) <= most_scratch) return fast;
    } catch (const dnnl::error&) {  // not on this machine, or not in this layout
    }
  }
  return prepare(c, pass, dnnl::algorithm::convolution_direct);
}

using Key = std::array<std::int64_t, 15>;

Key key_of(const ConvCase& c, ConvPass pass) {
  return {c.x.shape[0],
          c.x.shape[1],
          c.x.shape[2],
          c.x.shape[3],
          c.y.shape[3],
          c.window.kernel,
          c.window.stride,
          c.window.padding,
          static_cast<int>(c.x.dtype),
          static_cast<int>(c.x.packing),
          static_cast<int>(c.y.packing),
          c.bias,
          static_cast<int>(pass),
          use_winograd(c),
          thread_count()};
}

LayerPass& prepared(const ConvCase& c, ConvPass pass) {
  thread_local std::map<Key, LayerPass> known;
  Key key = key_of(c, pass);
  auto found = known.find(key);
  if (found == known.end()) found = known.emplace(key, prepare(c, pass)).first;
  return found->second;
}

}  // namespace

std::size_t conv2d_workspace(const ConvCase& c, ConvPass pass, const Tensor& weight, bool accumulate) {
  const LayerPass& ready = prepared(c, pass);
  return ready.workspace(accumulate) - ready.keep(weight);
}

void conv2d_forward(const ConvCase& c, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y,
                    const Tensor& workspace) {
  prepared(c, ConvPass::forward).run({.x = x, .weight = weight, .y = y, .bias = bias}, workspace);
}

void conv2d_backward_data(const ConvCase& c, const Tensor& dy, const Tensor& weight, const Tensor& dx, bool accumulate,
                          const Tensor& workspace) {
  prepared(c, ConvPass::backward_data)
      .run({.x = dx, .weight = weight, .y = dy, .bias = {}, .accumulate = accumulate}, workspace);
}

void conv2d_backward_weights(const ConvCase& c, const Tensor& x, const Tensor& dy, const Tensor& dweight,
                             bool accumulate_weight, const Tensor& dbias, bool accumulate_bias,
                             const Tensor& workspace) {
  prepared(c, ConvPass::backward_weights)
      .run({.x = x,
            .weight = dweight,
            .y = dy,
            .bias = dbias,
            .accumulate = accumulate_weight,
            .accumulate_bias = accumulate_bias},
           workspace);
}

}  // namespace cpu

}  // namespace stint
