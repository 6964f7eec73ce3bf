#pragma once

#include <stint/layers/module.h>

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
  Value forward(Tape& tape, const Value& x) override {
    Value y = x;
    for (Module* layer : order_) y = (*layer)(tape, y);
    return y;
  }

 private:
  std::vector<Module*> order_;
};

}  // namespace stint::layers
