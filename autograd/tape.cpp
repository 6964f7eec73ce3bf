#include <stint/autograd/tape.h>

#include <algorithm>
#include <atomic>

namespace stint {

namespace {
std::atomic<std::uint64_t> next_serial = 1;
}

void Tape::SlotSaver::save(const Tensor& tensor, Fidelity fidelity) {
  Slot slot{op_, tape_.layer(), static_cast<int>(slots_.size()), approximate_ ? fidelity : Fidelity::exact, {}};
  if (slots_.empty()) slots_.reserve(4);
  slots_.push_back(tape_.saved_.save(std::move(slot), tensor));
}

/// What one record saved, unpacked on demand.
class Tape::SavedView : public Saved {
 public:
  SavedView(const SavedTensors& saved, const Record& record) : saved_(saved), record_(record) {}

  Tensor operator[](int slot) const override {
    require(slot >= 0 && slot < static_cast<int>(record_.slots.size()), record_.op,
            "has {} saved tensors, asked for {}", record_.slots.size(), slot);
    return saved_.get(record_.slots[slot]);
  }

 private:
  const SavedTensors& saved_;
  const Record& record_;
};

Tape::Tape(Mode mode, SavePolicy& policy) : mode_(mode), serial_(next_serial++), saved_(policy) {}

Value Tape::add_node(Tensor tensor, Node node) {
  require(static_cast<bool>(tensor), "tape", "expected a tensor, got an empty one");
  require(!finished_, "tape", "its backward has run: a new step needs a new tape");
  node.spec = tensor.spec();
  nodes_.push_back(std::move(node));
  return Value(std::move(tensor), static_cast<int>(nodes_.size()) - 1, serial_);
}

Value Tape::constant(Tensor tensor) {
  return add_node(std::move(tensor), {});
}

Value Tape::variable(Tensor tensor) {
  Node node;
  node.wants_gradient = node.kept = training();
  return add_node(std::move(tensor), std::move(node));
}

Value Tape::leaf(Leaf& leaf) {
  if (auto known = leaf_ids_.find(&leaf); known != leaf_ids_.end()) return Value(leaf.value, known->second, serial_);
  if (training()) {
    require(leaf.gradient && leaf.gradient.shape() == leaf.value.shape() && leaf.gradient.dtype() == DType::f32, "tape",
            "leaf '{}' has no f32 gradient of its shape {}", leaf.name, leaf.value.shape());
  }
  Node node;
  node.wants_gradient = training();
  node.leaf = &leaf;
  Value value = add_node(leaf.value, std::move(node));
  leaf_ids_[&leaf] = value.id_;
  return value;
}

std::vector<int> Tape::admit(std::string_view op, std::span<const Value* const> inputs, int required) {
  require(!finished_, op, "the tape's backward has run: a new step needs a new tape");
  std::vector<int> ids;
  ids.reserve(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Value& value = *inputs[i];
    require(value || static_cast<int>(i) >= required, op, "input {} is missing", i);
    require(!value || value.tape_ == serial_, op, "input {} belongs to another tape", i);
    require(!value || value.tensor().device() == inputs[0]->tensor().device(), op, "input {} is on {}, input 0 on {}",
            i, value.tensor().device().name(), inputs[0]->tensor().device().name());
    ids.push_back(value.id_);
  }
  return ids;
}

bool Tape::wants_gradient(const std::vector<int>& ids) const {
  for (int id : ids) {
    if (id >= 0 && nodes_[id].wants_gradient) return true;
  }
  return false;
}

bool Tape::others_are_leaves(const std::vector<int>& ids) const {
  for (std::size_t i = 1; i < ids.size(); ++i) {
    if (ids[i] >= 0 && nodes_[ids[i]].wants_gradient && nodes_[ids[i]].leaf == nullptr) return false;
  }
  return true;
}

Value Tape::finish(std::unique_ptr<Record> record, std::string_view op, Tensor output, Work work) {
  applications_.push_back({op, layer(), output.spec(), work});
  if (on_output) on_output(op, layer(), output);
  Node node;
  node.wants_gradient = record != nullptr;
  Value value = add_node(std::move(output), std::move(node));
  if (record) {
    record->op = op;
    record->output = value.id_;
    for (int id : record->inputs) {
      if (id >= 0) ++nodes_[id].uses;
    }
    records_.push_back(std::move(record));
  }
  return value;
}

void Tape::backward(const Value& loss, float seed) {
  require(!finished_, "backward", "has run on this tape already");
  require(loss && loss.tape_ == serial_, "backward", "the loss belongs to another tape");
  require(loss.tensor().count() == 1 && loss.tensor().dtype() == DType::f32, "backward",
          "expected a scalar f32 loss, got {} {}", loss.shape(), name_of(loss.tensor().dtype()));
  Node& root = nodes_[loss.id_];
  require(root.wants_gradient, "backward", "the loss does not depend on any parameter or variable");
  saved_.settle();
  Tensor dloss = scalar_tensor(seed, loss.tensor().device()).reshaped(loss.shape());
  grad_of(loss.id_).share(dloss);
  finished_ = true;
  if (root.leaf && root.uses == 0) announce(*root.leaf);
  for (auto record = records_.rbegin(); record != records_.rend(); ++record) {
    run_backward(**record);
    for (int slot : (*record)->slots) saved_.release(slot);
    for (int id : (*record)->inputs) used(id);
  }
}

void Tape::run_backward(const Record& record) {
  Node& output = nodes_[record.output];
  if (!output.has_gradient) return;  // nothing that matters depends on it
  Tensor dy = output.kept ? output.gradient : std::exchange(output.gradient, {});
  std::vector<Grad> grads;
  grads.reserve(record.inputs.size());
  std::vector<Tensor> repeated(record.inputs.size());  // gradients of a value that is an input a second time
  for (std::size_t i = 0; i < record.inputs.size(); ++i) {
    int id = record.inputs[i];
    bool again = std::find(record.inputs.begin(), record.inputs.begin() + i, id) != record.inputs.begin() + i;
    bool apart = id >= 0 && again && nodes_[id].wants_gradient;
    grads.push_back(apart ? Grad(GradMode::overwrite, repeated[i], nodes_[id].spec) : grad_of(id));
  }
  record.backward(SavedView(saved_, record), dy, grads);
  for (std::size_t i = 0; i < repeated.size(); ++i) {
    if (repeated[i]) grad_of(record.inputs[i]).share(repeated[i]);
  }
}

Grad Tape::grad_of(int id) {
  if (id < 0) return {};
  Node& node = nodes_[id];
  TensorSpec spec = node.spec;
  if (!node.wants_gradient) return {GradMode::ignore, node.gradient, spec};
  bool& written = node.leaf ? node.leaf->gradient_set : node.has_gradient;
  GradMode mode = std::exchange(written, true) ? GradMode::accumulate : GradMode::overwrite;
  if (!node.leaf) return {mode, node.gradient, spec};
  spec.dtype = DType::f32;
  return {mode, node.leaf->gradient, spec, true};
}

void Tape::used(int id) {
  if (id < 0) return;
  Node& node = nodes_[id];
  if (--node.uses == 0 && node.leaf) announce(*node.leaf);
}

void Tape::announce(Leaf& leaf) {
  if (!std::exchange(leaf.gradient_set, true)) leaf.gradient.zero();  // it fed nothing that the loss depends on
  if (gradient_ready_) gradient_ready_(leaf);
}

void Tape::leave_layer() {
  require(!layers_.empty(), "tape", "asked to leave a layer, but none was entered");
  layers_.pop_back();
}

Tensor Tape::gradient(const Value& variable) const {
  require(finished_, "gradient", "asked for before backward");
  require(variable && variable.tape_ == serial_ && nodes_[variable.id_].kept, "gradient",
          "only a variable of this tape keeps its gradient");
  return nodes_[variable.id_].gradient;
}

}  // namespace stint
