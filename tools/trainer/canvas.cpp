#include <fmt/format.h>
#include <png.h>
#include <stint/runtime/error.h>
#include <stint/tools/config/printable.h>
#include <stint/tools/trainer/canvas.h>
#include <stint/tools/trainer/glyphs.h>

#include <algorithm>
#include <cmath>

namespace stint {

namespace {

constexpr std::size_t longest_text = 4096;  // bytes

std::string hex(Colour c) {
  return fmt::format("#{:02x}{:02x}{:02x}", c.red, c.green, c.blue);
}

std::string escaped(const std::string& text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

/// How far a place is from the segment a-b.
double distance_to(double x, double y, std::pair<double, double> a, std::pair<double, double> b) {
  double dx = b.first - a.first, dy = b.second - a.second, square = dx * dx + dy * dy;
  double along = square > 0 ? ((x - a.first) * dx + (y - a.second) * dy) / square : 0;
  along = std::clamp(along, 0.0, 1.0);
  return std::hypot(x - a.first - along * dx, y - a.second - along * dy);
}

}  // namespace

SvgCanvas::SvgCanvas(int width, int height)
    : text_(
          fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
                      "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" "
                      "fill=\"#ffffff\"/>\n",
                      width, height)) {}

void SvgCanvas::line(const Points& points, Colour colour, double width) {
  text_ += fmt::format("<polyline fill=\"none\" stroke-linecap=\"round\" stroke=\"{}\" stroke-width=\"{}\" points=\"",
                       hex(colour), width);
  for (auto [x, y] : points) text_ += fmt::format("{:.1f},{:.1f} ", x, y);
  text_ += "\"/>\n";
}

void SvgCanvas::text(double x, double y, Anchor anchor, const std::string& text, Colour colour) {
  constexpr const char* anchors[] = {"start", "middle", "end"};
  text_ += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" fill=\"{}\">{}</text>\n", x, y,
                       anchors[static_cast<int>(anchor)], hex(colour), escaped(printable(text, longest_text)));
}

PixelCanvas::PixelCanvas(int width, int height)
    : width_(width), height_(height), pixels_(static_cast<std::size_t>(width) * height * 3, 255) {}

void PixelCanvas::blend(int x, int y, Colour colour, double share) {
  if (x < 0 || y < 0 || x >= width_ || y >= height_ || share <= 0) return;
  std::uint8_t* pixel = &pixels_[(static_cast<std::size_t>(y) * width_ + x) * 3];
  const std::uint8_t wanted[] = {colour.red, colour.green, colour.blue};
  for (int c = 0; c < 3; ++c)
    pixel[c] = static_cast<std::uint8_t>(pixel[c] + (wanted[c] - pixel[c]) * std::min(share, 1.0));
}

/// A pixel is covered as far as its centre lies inside the line's width.
void PixelCanvas::segment(std::pair<double, double> a, std::pair<double, double> b, Colour colour, double width) {
  double reach = width / 2 + 1;
  auto low = [&](double u, double v) { return static_cast<int>(std::floor(std::min(u, v) - reach)); };
  auto high = [&](double u, double v) { return static_cast<int>(std::ceil(std::max(u, v) + reach)); };
  for (int y = low(a.second, b.second); y <= high(a.second, b.second); ++y) {
    for (int x = low(a.first, b.first); x <= high(a.first, b.first); ++x) {
      blend(x, y, colour, width / 2 + 0.5 - distance_to(x + 0.5, y + 0.5, a, b));
    }
  }
}

void PixelCanvas::line(const Points& points, Colour colour, double width) {
  for (std::size_t i = 1; i < points.size(); ++i) segment(points[i - 1], points[i], colour, width);
}

void PixelCanvas::text(double x, double y, Anchor anchor, const std::string& text, Colour colour) {
  double length = static_cast<double>(text.size()) * glyph_width;
  auto left = static_cast<int>(std::lround(x - length * static_cast<int>(anchor) / 2));
  auto top = static_cast<int>(std::lround(y)) - 8;  // two rows of a glyph are below the baseline
  for (char c : text) {
    const auto* rows = glyphs[c < ' ' || c > '~' ? '?' - ' ' : c - ' '];
    for (int row = 0; row < glyph_height; ++row) {
      for (int column = 0; column < glyph_width; ++column) {
        if (rows[row] >> (glyph_width - 1 - column) & 1) blend(left + column, top + row, colour, 1);
      }
    }
    left += glyph_width;
  }
}

std::string PixelCanvas::finish_png() const {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width_);
  image.height = static_cast<png_uint_32>(height_);
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::string file(size, '\0');
  if (!png_image_write_to_memory(&image, file.data(), &size, 0, pixels_.data(), 0, nullptr)) {
    fail(ErrorKind::runtime, "chart", "cannot make a PNG: {}", image.message);
  }
  file.resize(size);
  return file;
}

}  // namespace stint
