#pragma once

#include <stint/tools/data/file_tree.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace stint {

/// Labelled images. They lie decoded in memory (`pixels`, 8 bits a channel), or are rows of numbers (`features`, as
/// images of one pixel with a channel a feature), or are decoded whenever they are asked for (`files`), and then may
/// differ in size: height and width are 0.
struct ImageSet {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 0;
  std::int64_t classes = 0;
  std::vector<float> mean;           ///< per channel, of pixel / `white`; empty for features, which stay as they are
  std::vector<float> deviation;      ///< per channel, as the mean
  float white = 255;                 ///< the pixel value that counts as 1
  std::vector<std::uint8_t> pixels;  ///< [count, height, width, channels]
  std::vector<std::int32_t> labels;
  std::vector<float> features;            ///< [count, 1, 1, channels]
  std::shared_ptr<const FileTree> files;  ///< JPEG or PNG, by `file_of`
  std::vector<std::int64_t> file_of;      ///< of each image, its place in `files`
  std::vector<std::string> class_names;   ///< where the data set has them

  std::int64_t count() const { return static_cast<std::int64_t>(labels.size()); }
  std::int64_t image_elements() const { return height * width * channels; }
};

/// The same kind of set without its images.
ImageSet empty_like(const ImageSet& images);

/// Appends image `index` of `from`, a set of the same kind.
void append_image(ImageSet& images, const ImageSet& from, std::int64_t index);

/// A data set with its fixed test split.
struct DataSet {
  std::string name;
  ImageSet train;
  ImageSet test;
  std::vector<std::string> notes = {};  ///< what a user should know: how it was split, what was skipped
};

/// A data set of which only one part is there: every fifth image is for testing.
DataSet hold_out_every_fifth(const std::string& name, const ImageSet& images);

/// Takes a share in (0, 1) of the training images, drawn by the seed, in the place of the test images: for choices that
/// must not see those.
void validate_on_share(DataSet& data, double share, std::uint64_t seed);

}  // namespace stint
