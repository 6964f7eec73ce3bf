#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace stint {

/// Labelled images, decoded, in memory: 8 bits a channel, [count, height, width, channels].
struct ImageSet {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 0;
  std::int64_t classes = 0;
  std::vector<float> mean;       ///< per channel, of pixel / `white`
  std::vector<float> deviation;  ///< per channel
  float white = 255;             ///< the pixel value that counts as 1
  std::vector<std::uint8_t> pixels;
  std::vector<std::int32_t> labels;

  std::int64_t count() const { return static_cast<std::int64_t>(labels.size()); }
  std::int64_t image_elements() const { return height * width * channels; }
};

/// A data set with its fixed test split.
struct DataSet {
  std::string name;
  ImageSet train;
  ImageSet test;
};

}  // namespace stint
