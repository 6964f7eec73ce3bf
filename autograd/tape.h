#pragma once

#include <stint/autograd/leaf.h>
#include <stint/autograd/saved_tensors.h>
#include <stint/runtime/philox.h>
#include <stint/runtime/profile.h>

#include <array>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace stint {

/// A tensor on a tape. Handles are cheap; when the last one dies, the tape keeps the memory only as far as it saved it.
/// A default-constructed value stands for "no tensor".
class Value {
 public:
  Value() = default;
  const Tensor& tensor() const { return tensor_; }
  const Shape& shape() const { return tensor_.shape(); }
  explicit operator bool() const { return id_ >= 0; }

 private:
  friend class Tape;
  Value(Tensor tensor, int id, std::uint64_t tape) : tensor_(std::move(tensor)), id_(id), tape_(tape) {}

  Tensor tensor_;
  int id_ = -1;
  std::uint64_t tape_ = 0;
};

/// What the tape remembers of one operator application, for reports.
struct Application {
  std::string_view op;
  std::string layer;
  TensorSpec output;
  Work work;  ///< of the forward
};

/// Records operator applications and runs them backwards. It knows no operator by name. One tape is one step: forward,
/// one backward, gone. Errors: values of another tape, use after backward, missing inputs, inputs on different devices.
class Tape {
 public:
  enum class Mode { training, inference };

  explicit Tape(Mode mode = Mode::training, SavePolicy& policy = keep_dense());
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  bool training() const { return mode_ == Mode::training; }

  /// A tensor without a gradient: images, labels.
  Value constant(Tensor tensor);
  /// A tensor whose gradient can be asked for after backward.
  Value variable(Tensor tensor);
  /// A parameter. It may be used many times; its gradients add up in `leaf.gradient`.
  Value leaf(Leaf& leaf);

  /// Applies an operator. `inputs` beyond the operator's required ones may be empty values.
  template <Op O, std::same_as<Value>... Values>
  requires(sizeof...(Values) == input_count<O>) Value apply(const O& op, const Values&... inputs);

  /// Gradients of everything that `loss`, a scalar f32, depends on, times `seed`. Errors: called twice; not a scalar; a
  /// loss that depends on nothing.
  void backward(const Value& loss, float seed = 1);

  /// Gradient of a `variable`; empty if nothing flowed there. Errors: before backward; not a variable.
  Tensor gradient(const Value& variable) const;

  /// Called in backward as soon as a leaf's gradient is final, in the order in which that happens: once for every leaf
  /// that an operator took, with zeros where the loss does not depend on it.
  void on_gradient_ready(std::function<void(Leaf&)> callback) { gradient_ready_ = std::move(callback); }

  /// Names the layer in which the following applications are made.
  void enter_layer(std::string path) { layers_.push_back(std::move(path)); }
  /// Errors: no layer was entered.
  void leave_layer();

  /// Decides how everything is held that nobody outside has any more; applications and backward do so by themselves.
  void settle() { saved_.settle(); }

  const std::vector<Application>& applications() const { return applications_; }
  std::vector<LedgerRow> ledger() const { return saved_.ledger(); }
  /// The sum of what it says is held.
  std::size_t saved_bytes() const { return saved_.bytes(); }

  /// Told every output as it is made: operator, layer, tensor.
  std::function<void(std::string_view op, const std::string& layer, const Tensor& output)> on_output;

  /// Source of randomness for layers that need it (dropout). Part of a run's state.
  RandomState* random = nullptr;

 private:
  /// One application with its operator's type erased.
  struct Record {
    virtual ~Record() = default;
    virtual void backward(const Saved& saved, const Tensor& dy, const std::vector<Grad>& grads) const = 0;

    std::string_view op;
    std::vector<int> inputs;  // value ids, -1 for an empty input
    int output = -1;
    std::vector<int> slots;
  };
  template <typename O>
  struct RecordOf;

  struct Node {
    TensorSpec spec;
    bool wants_gradient = false;
    Leaf* leaf = nullptr;
    int uses = 0;  // applications that have not been run backwards yet
    bool has_gradient = false;
    bool kept = false;  // a `variable`
    Tensor gradient;
  };

  class SlotSaver;
  class SavedView;

  Value add_node(Tensor tensor, Node node);
  /// Checks the inputs of an application and returns their ids.
  std::vector<int> admit(std::string_view op, std::span<const Value* const> inputs, int required);
  Value finish(std::unique_ptr<Record> record, std::string_view op, Tensor output, Work work);
  bool wants_gradient(const std::vector<int>& ids) const;
  /// An approximate save is safe only if every other input is a leaf: nothing upstream depends on their gradients.
  bool others_are_leaves(const std::vector<int>& ids) const;
  Grad grad_of(int id);
  void run_backward(const Record& record);
  void used(int id);
  void announce(Leaf& leaf);
  std::string layer() const { return layers_.empty() ? "" : layers_.back(); }

  Mode mode_;
  std::uint64_t serial_;
  bool finished_ = false;
  std::vector<Node> nodes_;
  std::vector<std::unique_ptr<Record>> records_;
  std::vector<Application> applications_;
  std::vector<std::string> layers_;
  std::unordered_map<const Leaf*, int> leaf_ids_;
  std::function<void(Leaf&)> gradient_ready_;
  SavedTensors saved_;
};

/// Gives an operator's saves to the tape, as slots of one application.
class Tape::SlotSaver : public Saver {
 public:
  SlotSaver(Tape& tape, std::string_view op, std::vector<int>& slots, bool approximate)
      : tape_(tape), op_(op), slots_(slots), approximate_(approximate) {}

  bool enabled() const override { return true; }
  void save(const Tensor& tensor, Fidelity fidelity) override;

 private:
  Tape& tape_;
  std::string_view op_;
  std::vector<int>& slots_;
  bool approximate_;
};

template <typename O>
struct Tape::RecordOf : Record {
  explicit RecordOf(const O& value) : operation(value) {}

  void backward(const Saved& saved, const Tensor& dy, const std::vector<Grad>& grads) const override {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      operation.backward(saved, dy, grads[I]...);
    }
    (std::make_index_sequence<input_count<O>>{});
  }

  O operation;
};

template <Op O, std::same_as<Value>... Values>
requires(sizeof...(Values) == input_count<O>) Value Tape::apply(const O& op, const Values&... inputs) {
  std::vector<int> ids = admit(O::name, std::array<const Value*, sizeof...(Values)>{&inputs...}, required_inputs<O>());
  saved_.settle();
  Work before = work_done();
  Tensor output;
  std::unique_ptr<Record> record;
  if (wants_gradient(ids)) {
    record = std::make_unique<RecordOf<O>>(op);
    SlotSaver saver(*this, O::name, record->slots, others_are_leaves(ids));
    output = op.forward(saver, inputs.tensor()...);
    record->inputs = std::move(ids);
  } else {
    SaveNothing saver;
    output = op.forward(saver, inputs.tensor()...);
  }
  Work after = work_done();
  return finish(std::move(record), O::name, std::move(output),
                {after.flops - before.flops, after.bytes - before.bytes});
}

}  // namespace stint
