#include <stint/models/definition/definition.h>
#include <stint/models/definition/kinds.h>

namespace stint::models {

namespace {

/// The layers that the output needs, each behind its inputs: depth first, inputs in their order.
std::vector<int> running_order(const Definition& definition) {
  if (definition.output < 0) Place{}.refuse("expected a network with a layer between images and output");
  enum class State { unseen, open, done };
  std::vector<State> states(definition.layers.size(), State::unseen);
  std::vector<int> order, stack = {definition.output};
  while (!stack.empty()) {
    int index = stack.back();
    const DefinedLayer& layer = definition.layers[index];
    if (states[index] == State::unseen) {
      states[index] = State::open;
      for (auto input = layer.inputs.rbegin(); input != layer.inputs.rend(); ++input) {
        if (*input < 0 || states[*input] == State::done) continue;
        if (states[*input] == State::open) layer.text.place().refuse("its inputs depend on its own output");
        stack.push_back(*input);
      }
      continue;
    }
    stack.pop_back();
    if (std::exchange(states[index], State::done) == State::open) order.push_back(index);
  }
  for (std::size_t i = 0; i < states.size(); ++i) {
    if (states[i] != State::done) definition.layers[i].text.place().refuse("nothing uses its output");
  }
  return order;
}

}  // namespace

DefinedNet::DefinedNet(const ModelSpec& spec) {
  build(read_definition(spec), spec);
}

void DefinedNet::build(const Definition& read, const ModelSpec& spec) {
  Definition definition = read;
  order_ = running_order(definition);
  std::vector<BuiltLayer> built(definition.layers.size());
  auto new_parameter = [this](std::string name, Shape shape, Initialiser start) -> Parameter& {
    return parameter(std::move(name), shape, std::move(start));
  };
  LayerInput images{{spec.image_size, spec.image_size, spec.channels}};
  for (int index : order_) {
    DefinedLayer& layer = definition.layers[index];
    std::vector<LayerInput> inputs;
    for (int input : layer.inputs) {
      inputs.push_back(input < 0 ? images : LayerInput{built[input].output, built[input].places});
    }
    built[index] = build_layer(layer, inputs, new_parameter);
  }
  const DefinedLayer& last = definition.layers[definition.output];
  if (built[definition.output].output != Shape{spec.num_classes}) {
    last.text.place().refuse("the last layer's output is {}, expected [{}], one number a class ($classes)",
                             built[definition.output].output.text(), spec.num_classes);
  }
  // Registered in the order of the file: that of parameters and of their initial weights.
  for (std::size_t i = 0; i < built.size(); ++i) {
    Module& module = add(definition.layers[i].name, std::move(built[i].module));
    nodes_.push_back({.name = definition.layers[i].name,
                      .inputs = definition.layers[i].inputs,
                      .apply = [apply = built[i].apply, &module](Tape& tape, const std::vector<Value>& x) {
                        return apply(module, tape, x);
                      }});
  }
  for (const Node& node : nodes_) {
    for (int input : node.inputs) {
      if (input >= 0) ++nodes_[input].uses;
    }
  }
}

Value DefinedNet::forward(Tape& tape, const Value& x) {
  std::vector<Value> values(nodes_.size());
  std::vector<int> uses(nodes_.size());
  for (std::size_t i = 0; i < nodes_.size(); ++i) uses[i] = nodes_[i].uses;
  for (int index : order_) {
    std::vector<Value> inputs;
    for (int input : nodes_[index].inputs) {
      inputs.push_back(input < 0 ? x : values[input]);
      if (input >= 0 && --uses[input] == 0) values[input] = Value();  // the tape holds on to what it needs
    }
    values[index] = nodes_[index].apply(tape, inputs);
  }
  return values[order_.back()];
}

}  // namespace stint::models
