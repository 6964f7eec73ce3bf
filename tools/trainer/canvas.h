#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace stint {

struct Colour {
  std::uint8_t red = 0, green = 0, blue = 0;
};

using Points = std::vector<std::pair<double, double>>;

/// Something to draw on; the origin is at the top left, a unit is a pixel.
class Canvas {
 public:
  enum class Anchor { left, middle, right };

  virtual ~Canvas() = default;
  virtual void line(const Points& points, Colour colour, double width) = 0;
  /// One line of ASCII text, of which (x, y) is the baseline.
  virtual void text(double x, double y, Anchor anchor, const std::string& text, Colour colour) = 0;
};

class SvgCanvas : public Canvas {
 public:
  SvgCanvas(int width, int height);
  void line(const Points& points, Colour colour, double width) override;
  void text(double x, double y, Anchor anchor, const std::string& text, Colour colour) override;
  std::string finish() const { return text_ + "</svg>\n"; }

 private:
  std::string text_;
};

class PixelCanvas : public Canvas {
 public:
  PixelCanvas(int width, int height);
  void line(const Points& points, Colour colour, double width) override;
  void text(double x, double y, Anchor anchor, const std::string& text, Colour colour) override;
  std::string finish_png() const;

 private:
  void blend(int x, int y, Colour colour, double share);
  void segment(std::pair<double, double> a, std::pair<double, double> b, Colour colour, double width);

  int width_, height_;
  std::vector<std::uint8_t> pixels_;  // [height,width,3]
};

}  // namespace stint
