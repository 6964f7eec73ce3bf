#pragma once

#include <stint/runtime/tensor.h>
#include <stint/tools/data/input_recipe.h>

#include <functional>
#include <string>
#include <vector>

namespace stint {

/// The images that `predict` classifies; those of image files are decoded batch by batch.
struct PredictInput {
  std::vector<std::string> names;  ///< a path each; their numbers where they lie in one tensor
  std::int64_t size = 0, channels = 0;
  std::function<Tensor(std::int64_t begin, std::int64_t count)> batch;  ///< [count,size,size,channels] f32

  std::int64_t count() const { return static_cast<std::int64_t>(names.size()); }
};

bool is_tensor_file(const std::string& path);

/// The tensor `input` [N,C,H,H] f32 of a safetensors file. Errors (ErrorKind::data): another shape, none.
PredictInput read_tensor_input(const std::string& path);

/// Image files, and all that lie in folders and archives, as the recipe wants them. Errors (ErrorKind::data), naming
/// the file: not there, no images; when a batch is asked for: cannot be decoded. (ErrorKind::usage): a recipe for
/// images that are not square.
PredictInput list_pictures(const std::vector<std::string>& paths, const InputRecipe& recipe);

}  // namespace stint
