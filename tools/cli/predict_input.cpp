#include <stint/kernels/reorder/reorder.h>
#include <stint/layers/safetensors.h>
#include <stint/tools/cli/predict_input.h>
#include <stint/tools/data/file_tree.h>

#include <algorithm>
#include <filesystem>
#include <memory>

namespace stint {

namespace {

struct Place {
  std::shared_ptr<const FileTree> tree;
  std::int64_t file;
};

/// A file that is given itself may be named as it likes.
std::vector<Place> find_pictures(const std::vector<std::string>& paths) {
  std::vector<Place> found;
  for (const std::string& path : paths) {
    if (!std::filesystem::exists(path)) fail(ErrorKind::data, "predict", "{} does not exist", path);
    auto tree = std::make_shared<const FileTree>(path);
    std::size_t before = found.size();
    for (std::int64_t i = 0; i < tree->count(); ++i) {
      if (tree->place(i) == path || is_picture_name(tree->name(i))) found.push_back({tree, i});
    }
    if (found.size() == before) fail(ErrorKind::data, "predict", "{} has no JPEG or PNG images", path);
  }
  return found;
}

}  // namespace

bool is_tensor_file(const std::string& path) {
  return path.ends_with(".safetensors");
}

PredictInput read_tensor_input(const std::string& path) {
  for (const auto& [name, tensor] : read_safetensors(path)) {
    if (name != "input") continue;
    const Shape& s = tensor.shape();
    if (s.rank() != 4 || s.count() == 0 || s[2] != s[3] || tensor.dtype() != DType::f32) {
      fail(ErrorKind::data, "predict", "{}: expected a non-empty input [N,C,H,H] f32, got {} {}", path, s.text(),
           name_of(tensor.dtype()));
    }
    PredictInput input{.size = s[2], .channels = s[1]};
    for (std::int64_t n = 0; n < s[0]; ++n) input.names.push_back(std::to_string(n));
    Tensor images = channels_last(tensor);
    input.batch = [images](std::int64_t begin, std::int64_t count) {
      const Shape& all = images.shape();
      std::int64_t elements = images.count() / all[0];
      return images.slice(begin * elements, count * elements).reshaped({count, all[1], all[2], all[3]});
    };
    return input;
  }
  fail(ErrorKind::data, "predict", "{} has no tensor named 'input'", path);
}

PredictInput list_pictures(const std::vector<std::string>& paths, const InputRecipe& recipe) {
  if (recipe.height != recipe.width) {
    fail(ErrorKind::usage, "predict", "the weights are of images of {}x{}, expected square ones: give --image-size",
         recipe.height, recipe.width);
  }
  std::vector<Place> places = find_pictures(paths);
  PredictInput input{.size = recipe.height, .channels = recipe.channels};
  for (const Place& place : places) input.names.push_back(place.tree->place(place.file));
  input.batch = [places, recipe](std::int64_t begin, std::int64_t count) {
    Tensor images({count, recipe.height, recipe.width, recipe.channels}, DType::f32);
    float* to = images.data<float>();
    for (std::int64_t n = begin; n < begin + count; ++n) {
      const Place& place = places[n];
      auto numbers = apply(recipe, decode_picture(place.tree->read(place.file), place.tree->place(place.file)));
      to = std::copy(numbers.begin(), numbers.end(), to);
    }
    return images;
  };
  return input;
}

}  // namespace stint
