#pragma once

#include <stint/autograd/tape.h>
#include <stint/layers/initialiser.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace stint {

/// A trained tensor of a module. Its memory is a view of the flat buffers once a `ModelState` has been made.
struct Parameter {
  Leaf leaf;  ///< `leaf.name` is the full path, as in torchvision
  Shape shape;
  Initialiser initialise;
  bool decay = true;   ///< weight decay applies
  float lr_scale = 1;  ///< factor of the learning rate
  bool mixed = false;  ///< read in the compute dtype (weights); otherwise always f32 (biases, normalisation)
  /// Of a linear layer behind a flatten: H*W of the image. Our order of its inputs is H,W,C, PyTorch's is C,H,W.
  std::int64_t places = 1;
  Tensor master;  ///< f32 view of the flat parameters
};

/// A tensor that is part of a model's state but not trained (running statistics); f32.
struct Buffer {
  std::string name;
  Shape shape;
  float initial = 0;
  Tensor value;
};

/// A layer, or a tree of layers. Children and parameters are registered in the constructor, in the order and under the
/// names of the state dict.
class Module {
 public:
  Module() = default;
  virtual ~Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  /// Applies the layer on a tape, under its own name.
  Value operator()(Tape& tape, const Value& x);

  /// Gives every module, parameter and buffer its full path: called on the root of the tree; a second
  /// time it does nothing.
  void name_tree(const std::string& path = "");

  /// Depth first, in order of registration: this module, then its children.
  void visit(const std::function<void(Module&)>& body);

  const std::string& path() const { return path_; }
  const std::vector<std::unique_ptr<Parameter>>& parameters() const { return parameters_; }
  const std::vector<std::unique_ptr<Buffer>>& buffers() const { return buffers_; }

 protected:
  virtual Value forward(Tape& tape, const Value& x) = 0;

  template <typename M>
  M& add(std::string name, std::unique_ptr<M> module) {
    M& reference = *module;
    children_.push_back({std::move(name), std::move(module)});
    return reference;
  }
  template <typename M, typename... Args>
  M& add(std::string name, Args&&... args) {
    return add(std::move(name), std::make_unique<M>(std::forward<Args>(args)...));
  }

  Parameter& parameter(std::string name, Shape shape, Initialiser initialise);
  Buffer& buffer(std::string name, Shape shape, float initial);

 private:
  struct Child {
    std::string name;
    std::unique_ptr<Module> module;
  };

  std::string path_;
  bool named_ = false;
  std::vector<Child> children_;
  std::vector<std::unique_ptr<Parameter>> parameters_;
  std::vector<std::unique_ptr<Buffer>> buffers_;
};

/// Names the current layer on a tape for a scope.
class LayerScope {
 public:
  LayerScope(Tape& tape, const Module& module) : tape_(tape) { tape_.enter_layer(module.path()); }
  ~LayerScope() { tape_.leave_layer(); }
  LayerScope(const LayerScope&) = delete;
  LayerScope& operator=(const LayerScope&) = delete;

 private:
  Tape& tape_;
};

}  // namespace stint
