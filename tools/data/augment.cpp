#include <stint/tools/data/augment.h>
#include <stint/tools/data/gamma.h>
#include <stint/tools/data/resample.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace stint {

namespace {

/// Which word of an image's sequence decides what.
enum Draw : std::uint64_t { flip_across, flip_down, crop_top, crop_left, first_box_try = 8 };

constexpr int box_tries = 10;

double between(RandomSequence random, std::uint64_t draw, double low, double high) {
  return low + (high - low) * static_cast<double>(random.uniform(draw));
}

Box whole(const PictureView& image) {
  return {0, 0, static_cast<double>(image.height), static_cast<double>(image.width)};
}

/// The largest centred box of a width / height.
Box centred(const PictureView& image, double ratio) {
  auto height = static_cast<double>(image.height), width = static_cast<double>(image.width);
  double h = std::min(height, width / ratio), w = std::min(width, height * ratio);
  return {(height - h) / 2, (width - w) / 2, h, w};
}

/// Inception's crop, as torchvision draws it: area and ratio until a box fits, else the largest centred one.
Box random_box(const PictureView& image, const Augmentation& a, RandomSequence random) {
  auto area = static_cast<double>(image.height) * static_cast<double>(image.width);
  for (int i = 0; i < box_tries; ++i) {
    std::uint64_t draw = first_box_try + 4 * static_cast<std::uint64_t>(i);
    double target = area * between(random, draw, a.scale_low, a.scale_high);
    double ratio = std::exp(between(random, draw + 1, std::log(a.ratio_low), std::log(a.ratio_high)));
    auto width = std::llround(std::sqrt(target * ratio)), height = std::llround(std::sqrt(target / ratio));
    if (width < 1 || height < 1 || width > image.width || height > image.height) continue;
    auto place = [&](std::uint64_t word, std::int64_t free) {
      return std::floor(static_cast<double>(random.uniform(word)) * static_cast<double>(free + 1));
    };
    return {place(draw + 2, image.height - height), place(draw + 3, image.width - width), static_cast<double>(height),
            static_cast<double>(width)};
  }
  double ratio = static_cast<double>(image.width) / static_cast<double>(image.height);
  return centred(image, std::clamp(ratio, a.ratio_low, a.ratio_high));
}

/// Moves the image by (top, left) pixels; what comes in from outside is black.
void shift(std::int64_t top, std::int64_t left, std::int64_t height, std::int64_t width, std::int64_t channels,
           std::uint8_t* image) {
  Bytes old(image, image + height * width * channels);
  std::memset(image, 0, old.size());
  std::int64_t first = std::max<std::int64_t>(0, -left), last = std::min(width, width - left);
  for (std::int64_t y = std::max<std::int64_t>(0, -top); y < std::min(height, height - top) && first < last; ++y) {
    std::memcpy(image + (y * width + first) * channels, old.data() + ((y + top) * width + first + left) * channels,
                (last - first) * channels);
  }
}

void flip_rows(std::int64_t height, std::int64_t row, std::uint8_t* image) {
  for (std::int64_t y = 0; y < height / 2; ++y) {
    std::swap_ranges(image + y * row, image + (y + 1) * row, image + (height - 1 - y) * row);
  }
}

void mirror(std::int64_t height, std::int64_t width, std::int64_t channels, std::uint8_t* image) {
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width / 2; ++x) {
      std::uint8_t* row = image + y * width * channels;
      std::swap_ranges(row + x * channels, row + (x + 1) * channels, row + (width - 1 - x) * channels);
    }
  }
}

}  // namespace

void training_view(const PictureView& image, const Augmentation& a, RandomSequence random, std::int64_t height,
                   std::int64_t width, std::uint8_t* to) {
  std::int64_t channels = image.channels;
  resample(image, a.scale_high > 0 ? random_box(image, a, random) : whole(image), height, width, to);
  if (a.crop_padding > 0) {
    auto draw = [&](std::uint64_t word) {
      auto places = static_cast<float>(2 * a.crop_padding + 1);
      return static_cast<std::int64_t>(random.uniform(word) * places) - a.crop_padding;
    };
    shift(draw(crop_top), draw(crop_left), height, width, channels, to);
  }
  if (random.uniform(flip_across) < a.hflip) mirror(height, width, channels, to);
  if (random.uniform(flip_down) < a.vflip) flip_rows(height, width * channels, to);
}

void test_view(const PictureView& image, double crop_share, std::int64_t height, std::int64_t width, std::uint8_t* to) {
  if (image.height == height && image.width == width) return resample(image, whole(image), height, width, to);
  Box box = centred(image, static_cast<double>(width) / static_cast<double>(height));
  double h = box.height * crop_share, w = box.width * crop_share;
  resample(image, {box.top + (box.height - h) / 2, box.left + (box.width - w) / 2, h, w}, height, width, to);
}

Mix draw_mix(const Augmentation& a, RandomSequence random, std::int64_t height, std::int64_t width) {
  if (a.mixup <= 0 && a.cutmix <= 0) return {};
  bool cut = a.mixup <= 0 || (a.cutmix > 0 && random.uniform(0) < 0.5f);
  double alpha = cut ? a.cutmix : a.mixup;
  std::uint64_t draw = 4;
  double one = draw_gamma(alpha, random, draw), other = draw_gamma(alpha, random, draw);
  double weight = one + other > 0 ? one / (one + other) : 1;
  if (!cut) return {.weight = static_cast<float>(weight)};
  double side = std::sqrt(1 - weight);
  auto range = [&](std::uint64_t word, std::int64_t size) {
    double centre = static_cast<double>(random.uniform(word)) * static_cast<double>(size);
    double half = side * static_cast<double>(size) / 2;
    return std::pair(std::clamp<std::int64_t>(std::llround(centre - half), 0, size),
                     std::clamp<std::int64_t>(std::llround(centre + half), 0, size));
  };
  auto [top, bottom] = range(1, height);
  auto [left, right] = range(2, width);
  double pasted = static_cast<double>((bottom - top) * (right - left)) / static_cast<double>(height * width);
  return {static_cast<float>(1 - pasted), true, top, left, bottom - top, right - left};
}

void apply_mix(const Mix& mix, std::int64_t count, std::int64_t height, std::int64_t width, std::int64_t channels,
               float* images) {
  std::int64_t elements = height * width * channels;
  for (std::int64_t n = 0; n < count / 2; ++n) {
    float *a = images + n * elements, *b = images + (count - 1 - n) * elements;
    if (mix.paste) {
      for (std::int64_t y = mix.top; y < mix.top + mix.height; ++y) {
        std::int64_t begin = (y * width + mix.left) * channels;
        std::swap_ranges(a + begin, a + begin + mix.width * channels, b + begin);
      }
      continue;
    }
    for (std::int64_t i = 0; i < elements; ++i) {
      float first = a[i], second = b[i];
      a[i] = mix.weight * first + (1 - mix.weight) * second;
      b[i] = mix.weight * second + (1 - mix.weight) * first;
    }
  }
}

}  // namespace stint
