#pragma once

#include <stint/layers/module.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace stint {

/// What a model is made for.
struct ModelSpec {
  std::string name;                           ///< a registry name: resnet18, ..., or a definition file: net.yaml
  std::map<std::string, std::string> kwargs;  ///< model keyword arguments, as text
  std::int64_t channels = 3;                  ///< of the images
  std::int64_t image_size = 224;              ///< height and width; only models with a flatten depend on it
  std::int64_t num_classes = 1000;
};

/// Makes a registered model, or one from a definition file. It maps images [N,H,W,channels] to logits [N,num_classes].
/// Errors (ErrorKind::usage): an unknown name or keyword argument, or a value that the model does not take.
std::unique_ptr<Module> make_model(const ModelSpec& spec);

/// Names that `make_model` knows, in alphabetical order.
std::vector<std::string> model_names();

}  // namespace stint
