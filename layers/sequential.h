#pragma once

#include <stint/layers/module.h>

#include <typeinfo>

namespace stint::layers {

/// Layers one after the other, named by their position or by a given name.
class Sequential : public Module {
 public:
  template <typename M, typename... Args>
  M& append(Args&&... args) {
    return append_named<M>(std::to_string(order_.size()), std::forward<Args>(args)...);
  }
  template <typename M, typename... Args>
  M& append_named(std::string name, Args&&... args) {
    M& layer = add<M>(std::move(name), std::forward<Args>(args)...);
    order_.push_back(&layer);
    return layer;
  }

 protected:
  Value forward(Tape& tape, const Value& x) override { return run(tape, x); }

 private:
  /// Takes its input over, also that of a sequence within: a handle to it in here would keep the memory, whole, until
  /// the last layer has run.
  Value run(Tape& tape, Value y) {
    for (Module* layer : order_) {
      if (typeid(*layer) == typeid(Sequential)) {
        LayerScope scope(tape, *layer);
        y = static_cast<Sequential*>(layer)->run(tape, std::move(y));
      } else {
        y = (*layer)(tape, y);
      }
    }
    return y;
  }

  std::vector<Module*> order_;
};

}  // namespace stint::layers
