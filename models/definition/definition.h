#pragma once

#include <stint/layers/module.h>
#include <stint/models/definition/definition_file.h>
#include <stint/models/model.h>

#include <functional>

namespace stint::models {

/// A network from a model definition file (docs/model-files.md). Shapes are checked here, before any memory is taken.
/// Errors (ErrorKind::usage) name file, line and layer, and what was expected and found.
class DefinedNet : public Module {
 public:
  explicit DefinedNet(const ModelSpec& spec);

 protected:
  Value forward(Tape& tape, const Value& x) override;

 private:
  using Apply = std::function<Value(Tape&, const std::vector<Value>&)>;

  struct Node {
    std::string name;
    std::vector<int> inputs;  // nodes; -1 are the images
    Apply apply;
    int uses = 0;
  };

  void build(const Definition& definition, const ModelSpec& spec);

  std::vector<Node> nodes_;
  std::vector<int> order_;  // in which they run; the last is the output
};

}  // namespace stint::models
