#pragma once

#include <stint/tools/data/bytes.h>

namespace stint {

/// An image of 8 bits a channel, [height,width,channels], that lies elsewhere.
struct PictureView {
  const std::uint8_t* pixels = nullptr;
  std::int64_t height = 0, width = 0, channels = 0;
};

/// A decoded RGB image.
struct Picture {
  std::int64_t height = 0, width = 0;
  Bytes pixels;  ///< [height,width,3]

  PictureView view() const { return {pixels.data(), height, width, 3}; }
};

/// Whether a file's name says that it is a JPEG or PNG.
bool is_picture_name(const std::string& name);

/// Decodes a JPEG (grey, YCbCr, RGB, CMYK, YCCK) or PNG (grey, palette, RGB, with or without alpha, 1 to 16 bits) to
/// RGB; alpha is dropped, animation is not read. `name` is for errors (ErrorKind::data): neither format, damaged (what
/// a decoder only warns of counts too), more than 64 M pixels, a JPEG of more than 500 scans.
Picture decode_picture(ByteView data, const std::string& name);

}  // namespace stint
