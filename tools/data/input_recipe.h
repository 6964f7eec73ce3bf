#pragma once

#include <stint/tools/config/config.h>
#include <stint/tools/data/image_set.h>
#include <stint/tools/data/picture.h>

#include <string>
#include <vector>

namespace stint {

/// How a picture becomes what a network was trained on, as evaluation does it: this travels with the weights, in the
/// metadata of their file. The defaults are those usual for photographs (ImageNet).
struct InputRecipe {
  std::int64_t height = 224, width = 224, channels = 3;
  double crop_share = 0.875;                                                                 ///< as `test_view`
  std::vector<float> mean = {0.485f, 0.456f, 0.406f}, deviation = {0.229f, 0.224f, 0.225f};  ///< of byte / 255
  std::vector<std::string> class_names = {};  ///< empty where the data set has none

  bool operator==(const InputRecipe&) const = default;
};

/// The part of a test image that is scaled where it has another size than the batches: what the configuration says,
/// else all, as training does, and 0.875 where that takes random parts (`data.scale`).
double crop_share(const Config& config);

/// Of a configured data set: what its test images go through.
InputRecipe recipe_of(const Config& config, const ImageSet& images);

/// JSON on one line.
std::string to_text(const InputRecipe& recipe);
/// The inverse. Errors (ErrorKind::data), naming `file`: another text.
InputRecipe parse_recipe(const std::string& text, const std::string& file);

/// A picture as [height,width,channels] normalised numbers: the test view, in grey if the network reads one channel.
/// Errors (ErrorKind::usage): a network of neither 1 nor 3 channels, or of features.
std::vector<float> apply(const InputRecipe& recipe, const Picture& picture);

}  // namespace stint
