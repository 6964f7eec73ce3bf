#include <stint/tools/data/resample.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace stint {

namespace {

/// What one output place reads along one axis: `weights` of the pixels from `first` on, with sum 1.
struct Taps {
  std::int64_t first = 0;
  std::vector<float> weights;
};

std::vector<Taps> taps_of(double begin, double length, std::int64_t in, std::int64_t out) {
  double scale = length / static_cast<double>(out), reach = std::max(scale, 1.0);
  std::vector<Taps> all(out);
  for (std::int64_t i = 0; i < out; ++i) {
    double centre = begin + (static_cast<double>(i) + 0.5) * scale;
    std::int64_t first = std::clamp<std::int64_t>(std::llround(centre - reach), 0, in - 1);
    std::int64_t last = std::clamp<std::int64_t>(std::llround(centre + reach), first + 1, in);
    float sum = 0;
    all[i].first = first;
    for (std::int64_t k = first; k < last; ++k) {
      double distance = std::abs(static_cast<double>(k) + 0.5 - centre) / reach;
      all[i].weights.push_back(static_cast<float>(std::max(0.0, 1 - distance)));
      sum += all[i].weights.back();
    }
    for (float& weight : all[i].weights) weight = sum > 0 ? weight / sum : 1 / static_cast<float>(last - first);
  }
  return all;
}

bool is_whole(double value) {
  return value == std::floor(value);
}

void copy_box(const PictureView& from, const Box& box, std::uint8_t* to) {
  auto top = static_cast<std::int64_t>(box.top), left = static_cast<std::int64_t>(box.left);
  auto row = static_cast<std::int64_t>(box.width) * from.channels;
  for (std::int64_t y = 0; y < static_cast<std::int64_t>(box.height); ++y) {
    std::memcpy(to + y * row, from.pixels + ((top + y) * from.width + left) * from.channels, row);
  }
}

}  // namespace

void resample(const PictureView& from, const Box& box, std::int64_t height, std::int64_t width, std::uint8_t* to) {
  bool same = box.height == static_cast<double>(height) && box.width == static_cast<double>(width);
  if (same && is_whole(box.top) && is_whole(box.left)) return copy_box(from, box, to);
  std::int64_t channels = from.channels;
  auto across = taps_of(box.left, box.width, from.width, width);
  auto down = taps_of(box.top, box.height, from.height, height);
  std::int64_t top = down.front().first, rows = 0;
  for (const Taps& taps : down)
    rows = std::max(rows, taps.first + static_cast<std::int64_t>(taps.weights.size()) - top);
  std::vector<float> narrow(rows * width * channels);  // scaled across, not yet down
  for (std::int64_t y = 0; y < rows; ++y) {
    const std::uint8_t* row = from.pixels + (top + y) * from.width * channels;
    for (std::int64_t x = 0; x < width; ++x) {
      for (std::int64_t c = 0; c < channels; ++c) {
        float sum = 0;
        for (std::size_t k = 0; k < across[x].weights.size(); ++k) {
          sum += across[x].weights[k] * row[(across[x].first + static_cast<std::int64_t>(k)) * channels + c];
        }
        narrow[(y * width + x) * channels + c] = sum;
      }
    }
  }
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t i = 0; i < width * channels; ++i) {
      float sum = 0.5f;
      for (std::size_t k = 0; k < down[y].weights.size(); ++k) {
        sum += down[y].weights[k] * narrow[(down[y].first - top + static_cast<std::int64_t>(k)) * width * channels + i];
      }
      to[y * width * channels + i] = static_cast<std::uint8_t>(std::clamp(sum, 0.0f, 255.0f));
    }
  }
}

}  // namespace stint
