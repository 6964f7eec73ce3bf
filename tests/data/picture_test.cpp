#include <png.h>
#include <stint/runtime/error.h>
#include <stint/tests/data/files.h>
#include <stint/tools/data/picture.h>
#include <turbojpeg.h>

#include <catch2/catch.hpp>
#include <cstdlib>

using namespace stint;
using namespace stint::test;

namespace {

constexpr int height = 24, width = 40;

/// A smooth picture of some channels: JPEG keeps it nearly.
Bytes gradient(int channels) {
  Bytes pixels;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) pixels.push_back(static_cast<std::uint8_t>(40 + 3 * x + 2 * y * c));
    }
  }
  return pixels;
}

int largest_difference(const Bytes& a, const Bytes& b) {
  REQUIRE(a.size() == b.size());
  int largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

/// The first three channels, or the only one three times.
Bytes to_rgb(const Bytes& pixels, int channels) {
  Bytes rgb;
  for (std::size_t i = 0; i < pixels.size(); i += channels) {
    for (int c = 0; c < 3; ++c) rgb.push_back(pixels[i + (channels >= 3 ? c : 0)]);
  }
  return rgb;
}

void refuses(const Bytes& data) {
  try {
    decode_picture(data, "the-file");
    FAIL("it was decoded");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::data);
    CHECK_THAT(error.what(), Catch::StartsWith("image: the-file cannot be decoded: "));
  }
}

}  // namespace

TEST_CASE("PNG of every colour kind becomes RGB exactly", "[data]") {
  for (auto [format, channels] : std::vector<std::pair<int, int>>{
           {PNG_FORMAT_GRAY, 1}, {PNG_FORMAT_GA, 2}, {PNG_FORMAT_RGB, 3}, {PNG_FORMAT_RGBA, 4}}) {
    INFO(channels << " channels");
    Bytes pixels = gradient(channels);
    Picture picture = decode_picture(png(width, height, format, pixels.data()), "p");
    CHECK(picture.height == height);
    CHECK(picture.width == width);
    CHECK(picture.pixels == to_rgb(pixels, channels));
  }
}

TEST_CASE("JPEG of every colour kind becomes RGB nearly", "[data]") {
  for (auto [format, channels] : std::vector<std::pair<int, int>>{{TJPF_GRAY, 1}, {TJPF_RGB, 3}}) {
    for (bool progressive : {false, true}) {
      Bytes pixels = gradient(channels);
      Picture picture = decode_picture(jpeg(width, height, format, pixels, progressive), "p");
      CHECK(picture.height == height);
      CHECK(largest_difference(picture.pixels, to_rgb(pixels, channels)) <= 6);
    }
  }
  Bytes cmyk = gradient(4), rgb;
  for (std::size_t i = 0; i < cmyk.size(); i += 4) {
    for (int c = 0; c < 3; ++c) rgb.push_back(static_cast<std::uint8_t>(cmyk[i + c] * cmyk[i + 3] / 255));
  }
  CHECK(largest_difference(decode_picture(jpeg(width, height, TJPF_CMYK, cmyk), "p").pixels, rgb) <= 8);
}

TEST_CASE("a damaged picture is refused, whichever byte is missing", "[data]") {
  Bytes pixels = gradient(3);
  for (const Bytes& whole :
       {png(width, height, PNG_FORMAT_RGB, pixels.data()), jpeg(width, height, TJPF_RGB, pixels)}) {
    decode_picture(whole, "p");
    for (std::size_t length = 0; length + 2 < whole.size(); length += 5) {
      INFO(length << " of " << whole.size());
      if (whole[0] == 0x89 && length + 16 > whole.size()) continue;  // libpng does not need the closing chunk
      refuses(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)));
    }
  }
  refuses(bytes_of("GIF89a"));
}

TEST_CASE("a picture of absurd size is refused by its header", "[data]") {
  Bytes image = plain_png(3, 3, 0, 0, 0);
  image[16] = image[20] = 0x00;
  image[17] = image[21] = 0x0f;  // a million by a million; the checksum of the header would be wrong too
  refuses(image);
  Bytes wide = jpeg(width, height, TJPF_RGB, gradient(3));
  for (std::size_t i = 0; i + 8 < wide.size(); ++i) {
    if (wide[i] == 0xff && wide[i + 1] == 0xc0) {
      wide[i + 5] = wide[i + 7] = 0xff;  // 65,304 x 65,320
      break;
    }
  }
  CHECK_THROWS_WITH(decode_picture(wide, "the-file"), Catch::Contains("is more than 64 M pixels"));
}
