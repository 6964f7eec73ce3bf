#include <fmt/format.h>
#include <stint/layers/state_dict.h>
#include <stint/runtime/host_copy.h>

#include <algorithm>
#include <map>

namespace stint {

namespace {

/// One tensor of the state, and how PyTorch has it.
struct Item {
  const Block* block;
  Tensor inner;  // f32, a view of the state
  std::int64_t places = 1;

  /// [O,I,KH,KW] of our [O,KH,KW,I], and as it is otherwise.
  Shape outer_shape() const {
    const Shape& s = block->shape;
    return s.rank() == 4 ? Shape{s[0], s[3], s[1], s[2]} : s;
  }

  /// Calls `visit` with the place of every element in our order (rows, places, channels) and in PyTorch's (rows,
  /// channels, places).
  template <typename Visit>
  void visit_places(Visit visit) const {
    const Shape& s = block->shape;
    std::int64_t pixels = s.rank() == 4 ? s[1] * s[2] : places, rows = s.rank() > 1 ? s[0] : 1;
    std::int64_t channels = block->count / std::max<std::int64_t>(1, rows * pixels);
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t p = 0; p < pixels; ++p) {
        for (std::int64_t c = 0; c < channels; ++c) {
          visit((row * pixels + p) * channels + c, (row * channels + c) * pixels + p);
        }
      }
    }
  }

  std::span<const std::byte> save(std::vector<std::byte>& scratch) const {
    std::vector<std::byte> copy;
    auto* from = reinterpret_cast<const float*>(host_bytes(inner, copy).data());
    scratch.resize(inner.bytes());
    auto* to = reinterpret_cast<float*>(scratch.data());
    visit_places([&](std::int64_t i, std::int64_t o) { to[o] = from[i]; });
    return scratch;
  }

  void load(std::span<const std::byte> outer) const {
    auto* from = reinterpret_cast<const float*>(outer.data());
    std::vector<float> to(inner.count());
    visit_places([&](std::int64_t i, std::int64_t o) { to[i] = from[o]; });
    copy_from_host(std::as_bytes(std::span(to)), inner);
  }
};

/// A model's parameters and buffers, tensor by tensor: parameters first.
std::vector<Item> items_of(const ModelState& state) {
  std::vector<Item> items;
  auto add = [&](const Block& block, const Tensor& flat, std::int64_t places) {
    items.push_back({&block, flat.slice(block.offset, block.count), places});
  };
  for (std::size_t i = 0; i < state.members().size(); ++i) {
    add(state.parameter_table()[i], state.parameters(), state.members()[i]->places);
  }
  for (const Block& block : state.buffer_table().blocks()) add(block, state.buffers(), 1);
  return items;
}

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
  std::map<std::string, StoredTensor> given;
  std::vector<std::string> problems, renewed;
  int missing = 0, extra = 0;

  Comparison(const ModelState& state, const std::vector<Item>& items, const std::vector<StoredTensor>& tensors,
             Head rule) {
    for (const StoredTensor& t : tensors) {
      if (!is_counter(t.name)) given[t.name] = t;
    }
    std::string head = rule == Head::renew_if_other ? head_name(state) + "." : "";
    for (const Item& item : items) compare(item, head);
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
    const StoredTensor& tensor = found->second;
    if (tensor.shape == wanted && tensor.dtype == DType::f32) return;
    if (head.size() > 1 && name.starts_with(head) && differ_in_rows(tensor.shape, wanted)) {
      renewed.push_back(name);
      given.erase(found);
      return;
    }
    problems.push_back(
        fmt::format("{}: expected {} f32, got {} {}", name, wanted.text(), tensor.shape.text(), name_of(tensor.dtype)));
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

std::vector<StoredTensor> stored_state(const ModelState& state) {
  std::vector<StoredTensor> tensors;
  for (const Item& item : items_of(state)) {
    tensors.push_back({item.block->name, item.outer_shape(), DType::f32,
                       [item](std::vector<std::byte>& scratch) { return item.save(scratch); }});
  }
  return tensors;
}

std::vector<NamedTensor> state_dict(const ModelState& state) {
  std::vector<NamedTensor> tensors;
  std::vector<std::byte> scratch;
  for (const StoredTensor& each : stored_state(state)) {
    Tensor tensor(each.shape, each.dtype);
    copy_from_host(each.elements(scratch), tensor);
    tensors.push_back({each.name, tensor});
  }
  return tensors;
}

std::vector<std::string> load_state_dict(ModelState& state, const std::vector<StoredTensor>& tensors, Head head) {
  std::vector<Item> items = items_of(state);
  Comparison comparison(state, items, tensors, head);
  if (!comparison.problems.empty()) {
    fail(ErrorKind::data, "state dict", "{}", comparison.text());
  }
  std::vector<std::byte> scratch;
  for (const Item& item : items) {
    auto found = comparison.given.find(item.block->name);
    if (found != comparison.given.end()) item.load(found->second.elements(scratch));
  }
  state.refresh_twin();
  return comparison.renewed;
}

std::vector<std::string> load_state_dict(ModelState& state, const std::vector<NamedTensor>& tensors, Head head) {
  return load_state_dict(state, stored(tensors), head);
}

}  // namespace stint
