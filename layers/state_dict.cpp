#include <fmt/format.h>
#include <stint/layers/state_dict.h>

#include <map>

namespace stint {

namespace {

/// [O,I,KH,KW] of our [O,KH,KW,I], and as it is otherwise.
Shape outer_shape(const Shape& shape) {
  return shape.rank() == 4 ? Shape{shape[0], shape[3], shape[1], shape[2]} : shape;
}

/// Moves a block between our layout (`inner`) and PyTorch's (`outer`).
void transpose(const Shape& shape, float* inner, float* outer, bool to_outer) {
  bool convolution = shape.rank() == 4;
  std::int64_t in = convolution ? shape[3] : 1;
  std::int64_t places = convolution ? shape[1] * shape[2] : shape.count();
  std::int64_t out = convolution ? shape[0] : 1;
  for (std::int64_t o = 0; o < out; ++o) {
    for (std::int64_t p = 0; p < places; ++p) {
      for (std::int64_t i = 0; i < in; ++i) {
        float& a = inner[(o * places + p) * in + i];
        float& b = outer[(o * in + i) * places + p];
        (to_outer ? b : a) = to_outer ? a : b;
      }
    }
  }
}

/// Calls body(block, flat vector it lies in) for all parameters, then all buffers.
template <typename Body>
void for_blocks(const ModelState& state, const Tensor& parameters, const Tensor& buffers, const Body& body) {
  for (const Block& block : state.parameter_table().blocks()) body(block, parameters);
  for (const Block& block : state.buffer_table().blocks()) body(block, buffers);
}

std::string mismatch(const Block& block, const std::map<std::string, Tensor>& given) {
  auto found = given.find(block.name);
  if (found == given.end()) return fmt::format("{} is missing", block.name);
  Shape wanted = outer_shape(block.shape);
  const Tensor& tensor = found->second;
  if (tensor.shape() == wanted && tensor.dtype() == DType::f32) return "";
  return fmt::format("{}: expected {} f32, got {} {}", block.name, wanted.text(), tensor.shape().text(),
                     name_of(tensor.dtype()));
}

}  // namespace

std::vector<NamedTensor> state_dict(const ModelState& state) {
  std::vector<NamedTensor> tensors;
  Tensor parameters = state.parameters().copy_to(Device::cpu());
  Tensor buffers = state.buffers().copy_to(Device::cpu());
  for_blocks(state, parameters, buffers, [&](const Block& block, const Tensor& flat) {
    Tensor outer(outer_shape(block.shape), DType::f32);
    transpose(block.shape, flat.data<float>() + block.offset, outer.data<float>(), true);
    tensors.push_back({block.name, outer});
  });
  return tensors;
}

void load_state_dict(ModelState& state, const std::vector<NamedTensor>& tensors) {
  std::map<std::string, Tensor> given;
  for (const NamedTensor& t : tensors) given[t.name] = t.tensor;
  std::vector<std::string> problems;
  for_blocks(state, state.parameters(), state.buffers(), [&](const Block& block, const Tensor&) {
    if (std::string problem = mismatch(block, given); !problem.empty()) problems.push_back(problem);
  });
  for (const auto& [name, tensor] : given) {
    bool known = state.parameter_table().find(name) || state.buffer_table().find(name);
    if (!known) problems.push_back(fmt::format("{} is not in the model", name));
  }
  if (!problems.empty()) {
    fail(ErrorKind::data, "state dict", "does not fit the model: {}", fmt::join(problems, "; "));
  }

  Tensor parameters = state.parameters().copy_to(Device::cpu());
  Tensor buffers = state.buffers().copy_to(Device::cpu());
  for_blocks(state, parameters, buffers, [&](const Block& block, const Tensor& flat) {
    transpose(block.shape, flat.data<float>() + block.offset, given.at(block.name).data<float>(), false);
  });
  state.parameters().copy_from(parameters);
  state.buffers().copy_from(buffers);
  state.refresh_twin();
}

}  // namespace stint
