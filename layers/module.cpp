#include <stint/layers/module.h>

#include <utility>

namespace stint {

Value Module::operator()(Tape& tape, const Value& x) {
  LayerScope scope(tape, *this);
  return forward(tape, x);
}

void Module::name_tree(const std::string& path) {
  if (std::exchange(named_, true)) return;
  path_ = path;
  std::string prefix = path.empty() ? "" : path + ".";
  for (auto& p : parameters_) p->leaf.name = prefix + p->leaf.name;
  for (auto& b : buffers_) b->name = prefix + b->name;
  for (auto& child : children_) child.module->name_tree(prefix + child.name);
}

void Module::visit(const std::function<void(Module&)>& body) {
  body(*this);
  for (auto& child : children_) child.module->visit(body);
}

Parameter& Module::parameter(std::string name, Shape shape, Initialiser initialise) {
  parameters_.push_back(std::make_unique<Parameter>());
  Parameter& p = *parameters_.back();
  p.leaf.name = std::move(name);
  p.shape = shape;
  p.initialise = std::move(initialise);
  return p;
}

Buffer& Module::buffer(std::string name, Shape shape, float initial) {
  buffers_.push_back(std::make_unique<Buffer>(Buffer{std::move(name), shape, initial, {}}));
  return *buffers_.back();
}

}  // namespace stint
