#pragma once

#include <stint/layers/module.h>
#include <stint/models/definition/definition_file.h>

#include <functional>
#include <memory>

namespace stint::models {

/// What a layer of a definition becomes.
struct BuiltLayer {
  std::unique_ptr<Module> module;
  std::function<Value(Module&, Tape&, const std::vector<Value>&)> apply;
  Shape output;             ///< of one image: [H,W,C], [T,C] or [C]
  std::int64_t places = 1;  ///< behind a flatten: pixels of the image
};

/// One input of a layer.
struct LayerInput {
  Shape shape;
  std::int64_t places = 1;
};

/// Makes parameters of the network itself, for kinds whose parameters are not named after the layer.
using MakeParameter = std::function<Parameter&(std::string name, Shape shape, Initialiser initialise)>;

/// Makes a layer of the kind it names. Errors (ErrorKind::usage): an unknown kind or key, a value or a shape that does
/// not fit.
BuiltLayer build_layer(DefinedLayer& layer, const std::vector<LayerInput>& inputs, const MakeParameter& parameter);

}  // namespace stint::models
