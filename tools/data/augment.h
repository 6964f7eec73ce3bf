#pragma once

#include <stint/runtime/philox.h>
#include <stint/tools/data/picture.h>

namespace stint {

/// What training does to images at random, under timm's names; the defaults do nothing.
struct Augmentation {
  std::int64_t crop_padding = 0;         ///< black border from which a random part of the image's size is cut
  double scale_low = 0, scale_high = 0;  ///< random-resized crop: share of the area; 0: off
  double ratio_low = 3.0 / 4, ratio_high = 4.0 / 3;  ///< its width / height
  double hflip = 0, vflip = 0;                       ///< probabilities
  double mixup = 0, cutmix = 0;                      ///< alpha of Beta(alpha, alpha); 0: off
};

/// One training view of an image, [height,width,channels], a function of the image and the random sequence: a
/// random-resized crop, else a resize to the size wanted and a crop from its padded version; then flips.
void training_view(const PictureView& image, const Augmentation& augmentation, RandomSequence random,
                   std::int64_t height, std::int64_t width, std::uint8_t* to);

/// The one test view: the largest centred part of the wanted shape, of which `crop_share` (0..1] is taken in the middle
/// and scaled. An image of the wanted size is taken as it is.
void test_view(const PictureView& image, double crop_share, std::int64_t height, std::int64_t width, std::uint8_t* to);

/// How two images of a batch are mixed: the first counts `weight`. With `cutmix` the box of the second is pasted.
struct Mix {
  float weight = 1;
  bool paste = false;
  std::int64_t top = 0, left = 0, height = 0, width = 0;
};

/// Drawn once a batch. mixup: Zhang et al. 2018; cutmix: Yun et al. 2019, weight = the area that is left. With both,
/// either is taken half of the time.
Mix draw_mix(const Augmentation& augmentation, RandomSequence random, std::int64_t height, std::int64_t width);

/// Mixes a batch [count,height,width,channels] with itself in reverse order, in place.
void apply_mix(const Mix& mix, std::int64_t count, std::int64_t height, std::int64_t width, std::int64_t channels,
               float* images);

}  // namespace stint
