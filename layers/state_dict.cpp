#include <fmt/format.h>
#include <stint/layers/state_dict.h>

#include <algorithm>
#include <map>

namespace stint {

namespace {

/// One tensor of the state: where it lies in its flat vector, and how PyTorch has it.
struct Item {
  const Block* block;
  const Tensor* flat;  // on the CPU
  std::int64_t places = 1;

  /// [O,I,KH,KW] of our [O,KH,KW,I], and as it is otherwise.
  Shape outer_shape() const {
    const Shape& s = block->shape;
    return s.rank() == 4 ? Shape{s[0], s[3], s[1], s[2]} : s;
  }

  /// Moves the elements between our order (rows, places, channels) and PyTorch's (rows, channels, places).
  void transpose(float* outer, bool to_outer) const {
    float* inner = flat->data<float>() + block->offset;
    const Shape& s = block->shape;
    std::int64_t pixels = s.rank() == 4 ? s[1] * s[2] : places, rows = s.rank() > 1 ? s[0] : 1;
    std::int64_t channels = block->count / std::max<std::int64_t>(1, rows * pixels);
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t p = 0; p < pixels; ++p) {
        for (std::int64_t c = 0; c < channels; ++c) {
          float& a = inner[(row * pixels + p) * channels + c];
          float& b = outer[(row * channels + c) * pixels + p];
          (to_outer ? b : a) = to_outer ? a : b;
        }
      }
    }
  }
};

/// CPU copies of a model's parameters and buffers, tensor by tensor: parameters first.
struct Items {
  Tensor parameters, buffers;
  std::vector<Item> all;

  explicit Items(const ModelState& state)
      : parameters(state.parameters().copy_to(Device::cpu())), buffers(state.buffers().copy_to(Device::cpu())) {
    for (std::size_t i = 0; i < state.members().size(); ++i) {
      all.push_back({&state.parameter_table()[i], &parameters, state.members()[i]->places});
    }
    for (const Block& block : state.buffer_table().blocks()) all.push_back({&block, &buffers});
  }
};

/// Counters of PyTorch's batch normalisation, which nothing needs.
bool is_counter(const std::string& name) {
  return name.ends_with("num_batches_tracked");
}

/// In the number of rows alone: of classes, where it is a head's weight or bias.
bool differ_in_rows(const Shape& a, const Shape& b) {
  return a.rank() == b.rank() && a.rank() > 0 && a[0] != b[0] &&
         std::equal(a.dims().begin() + 1, a.dims().end(), b.dims().begin() + 1, b.dims().end());
}

/// Compares what a model wants with what is given, by name.
struct Comparison {
  std::map<std::string, Tensor> given;
  std::vector<std::string> problems, renewed;
  int missing = 0, extra = 0;

  Comparison(const ModelState& state, const Items& items, const std::vector<NamedTensor>& tensors, Head rule) {
    for (const NamedTensor& t : tensors) {
      if (!is_counter(t.name)) given[t.name] = t.tensor;
    }
    std::string head = rule == Head::renew_if_other ? head_name(state) + "." : "";
    for (const Item& item : items.all) compare(item, head);
    for (const auto& [name, tensor] : given) {
      bool known = state.parameter_table().find(name) || state.buffer_table().find(name);
      if (known) continue;
      ++extra;
      problems.push_back(fmt::format("{} is not in the model", name));
    }
  }

  std::string text() const {
    return fmt::format("does not fit the model, {} missing, {} not in it, {} of another shape or type: {}", missing,
                       extra, problems.size() - missing - extra, fmt::join(problems, "; "));
  }

  void compare(const Item& item, const std::string& head) {
    const std::string& name = item.block->name;
    auto found = given.find(name);
    if (found == given.end()) {
      ++missing;
      return problems.push_back(fmt::format("{} is missing", name));
    }
    Shape wanted = item.outer_shape();
    const Tensor& tensor = found->second;
    if (tensor.shape() == wanted && tensor.dtype() == DType::f32) return;
    if (head.size() > 1 && name.starts_with(head) && differ_in_rows(tensor.shape(), wanted)) {
      renewed.push_back(name);
      given.erase(found);
      return;
    }
    problems.push_back(fmt::format("{}: expected {} f32, got {} {}", name, wanted.text(), tensor.shape().text(),
                                   name_of(tensor.dtype())));
  }
};

}  // namespace

std::string head_name(const ModelState& state) {
  std::string head;
  for (const Block& block : state.parameter_table().blocks()) {
    if (block.shape.rank() == 2 && block.name.ends_with(".weight")) head = block.name.substr(0, block.name.rfind('.'));
  }
  return head;
}

std::vector<NamedTensor> state_dict(const ModelState& state) {
  Items items(state);
  std::vector<NamedTensor> tensors;
  for (const Item& item : items.all) {
    Tensor outer(item.outer_shape(), DType::f32);
    item.transpose(outer.data<float>(), true);
    tensors.push_back({item.block->name, outer});
  }
  return tensors;
}

std::vector<std::string> load_state_dict(ModelState& state, const std::vector<NamedTensor>& tensors, Head head) {
  Items items(state);
  Comparison comparison(state, items, tensors, head);
  if (!comparison.problems.empty()) {
    fail(ErrorKind::data, "state dict", "{}", comparison.text());
  }
  for (const Item& item : items.all) {
    auto found = comparison.given.find(item.block->name);
    if (found != comparison.given.end()) item.transpose(found->second.data<float>(), false);
  }
  state.parameters().copy_from(items.parameters);
  state.buffers().copy_from(items.buffers);
  state.refresh_twin();
  return comparison.renewed;
}

}  // namespace stint
