#pragma once

#include <stint/tools/data/picture.h>

namespace stint {

/// A part of an image, in pixels; corners may lie between pixels.
struct Box {
  double top = 0, left = 0, height = 0, width = 0;
};

/// Scales a part of an image to [height,width,channels] with a triangle filter, which is linear interpolation when
/// enlarging and averages over what a pixel covers when shrinking (as Pillow's BILINEAR). A part of whole pixels that
/// has the wanted size already is copied.
void resample(const PictureView& from, const Box& box, std::int64_t height, std::int64_t width, std::uint8_t* to);

}  // namespace stint
