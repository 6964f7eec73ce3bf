#include <stint/tools/data/augment.h>
#include <stint/tools/data/resample.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <set>
#include <string>

using namespace stint;

namespace {

/// [height,width,1]: byte = 10 * row + column.
Bytes numbered(std::int64_t height, std::int64_t width) {
  Bytes pixels;
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) pixels.push_back(static_cast<std::uint8_t>(10 * y + x + 1));
  }
  return pixels;
}

Bytes view_of(const Bytes& pixels, std::int64_t size, const Augmentation& a, std::uint64_t number, std::int64_t out) {
  Bytes to(out * out, 99);
  training_view({pixels.data(), size, size, 1}, a, {7, number}, out, out, to.data());
  return to;
}

}  // namespace

TEST_CASE("resampling keeps what it should", "[data]") {
  Bytes pixels = numbered(6, 6), to(36);
  resample({pixels.data(), 6, 6, 1}, {0, 0, 6, 6}, 6, 6, to.data());
  CHECK(to == pixels);
  Bytes part(4);
  resample({pixels.data(), 6, 6, 1}, {1, 2, 2, 2}, 2, 2, part.data());
  CHECK(part == Bytes{13, 14, 23, 24});
  Bytes plain(8 * 6 * 3, 200), small(3 * 5 * 3), large(17 * 11 * 3);
  resample({plain.data(), 8, 6, 3}, {0.3, 0.2, 7.1, 5.5}, 3, 5, small.data());
  CHECK(small == Bytes(small.size(), 200));
  resample({plain.data(), 8, 6, 3}, {0, 0, 8, 6}, 17, 11, large.data());
  CHECK(large == Bytes(large.size(), 200));
  // The triangle filter as Pillow's BILINEAR applies it: 4 pixels to 2 reads 3 with weights 3/7, 3/7, 1/7.
  Bytes row = {0, 70, 140, 210}, two(2);
  resample({row.data(), 1, 4, 1}, {0, 0, 1, 4}, 1, 2, two.data());
  CHECK(int(two[0]) == (0 * 3 + 70 * 3 + 140 * 1) / 7);
  CHECK(int(two[1]) == (70 * 1 + 140 * 3 + 210 * 3) / 7);
}

TEST_CASE("a random crop is a part of the padded image, and every place occurs", "[data]") {
  Bytes pixels = numbered(8, 8);
  std::set<std::string> seen;
  for (std::uint64_t number = 0; number < 300; ++number) {
    Bytes crop = view_of(pixels, 8, {.crop_padding = 1}, number, 8);
    bool found = false;
    for (int top = -1; top <= 1; ++top) {
      for (int left = -1; left <= 1; ++left) {
        Bytes expected;
        for (int y = top; y < top + 8; ++y) {
          for (int x = left; x < left + 8; ++x) {
            bool inside = y >= 0 && y < 8 && x >= 0 && x < 8;
            expected.push_back(inside ? pixels[y * 8 + x] : 0);
          }
        }
        found = found || crop == expected;
      }
    }
    CHECK(found);
    seen.insert({crop.begin(), crop.end()});
  }
  CHECK(seen.size() == 9);
}

TEST_CASE("flips mirror the image as often as asked", "[data]") {
  Bytes pixels = {1, 2, 3, 4};
  CHECK(view_of(pixels, 2, {.hflip = 1}, 0, 2) == Bytes{2, 1, 4, 3});
  CHECK(view_of(pixels, 2, {.vflip = 1}, 0, 2) == Bytes{3, 4, 1, 2});
  int flipped = 0;
  for (std::uint64_t number = 0; number < 2000; ++number)
    flipped += view_of(pixels, 2, {.hflip = 0.25}, number, 2)[0] == 2;
  CHECK(flipped > 420);
  CHECK(flipped < 580);
}

TEST_CASE("a random-resized crop lies in the image and is a function of its sequence", "[data]") {
  Bytes pixels(32 * 32);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i % 32 * 4 + i / 32 * 3);
  Augmentation a{.scale_low = 0.08, .scale_high = 1};
  std::set<std::string> seen;
  for (std::uint64_t number = 0; number < 50; ++number) {
    Bytes view = view_of(pixels, 32, a, number, 16);
    CHECK(view == view_of(pixels, 32, a, number, 16));
    CHECK(std::is_sorted(view.begin(), view.begin() + 16));  // columns stay in order
    seen.insert({view.begin(), view.end()});
  }
  CHECK(seen.size() > 45);
}

TEST_CASE("a test view is the centre", "[data]") {
  Bytes pixels = numbered(8, 8), to(16);
  test_view({pixels.data(), 8, 8, 1}, 0.5, 4, 4, to.data());
  CHECK(to == Bytes{23, 24, 25, 26, 33, 34, 35, 36, 43, 44, 45, 46, 53, 54, 55, 56});
  Bytes wide = numbered(4, 8), square(16);
  test_view({wide.data(), 4, 8, 1}, 1, 4, 4, square.data());
  CHECK(square == Bytes{3, 4, 5, 6, 13, 14, 15, 16, 23, 24, 25, 26, 33, 34, 35, 36});
}

TEST_CASE("mixup and cutmix mix with the reversed batch, and the weight says how much", "[data]") {
  constexpr std::int64_t n = 3, h = 4, w = 4;
  for (bool cut : {false, true}) {
    double mean = 0;
    for (std::uint64_t number = 0; number < 400; ++number) {
      Mix mix = draw_mix(cut ? Augmentation{.cutmix = 1} : Augmentation{.mixup = 0.4}, {1, number}, h, w);
      REQUIRE(mix.weight >= 0);
      REQUIRE(mix.weight <= 1);
      mean += mix.weight / 400;
      std::vector<float> images(n * h * w);
      for (std::size_t i = 0; i < images.size(); ++i) images[i] = static_cast<float>(i / (h * w));  // 0, 1, 2
      apply_mix(mix, n, h, w, 1, images.data());
      double first = 0;
      for (int i = 0; i < h * w; ++i) first += images[i] / (h * w);
      CHECK(first == Approx(2 * (1 - mix.weight)).margin(1e-5));
      CHECK(images[h * w] == 1);  // the one in the middle meets itself
    }
    // Beta's mean; a cut box loses what of it lies outside the image.
    CHECK(mean == Approx(cut ? 0.66 : 0.5).margin(0.06));
  }
  CHECK(draw_mix({}, {1, 1}, h, w).weight == 1);
}
