#include <fmt/format.h>
#include <stint/tools/trainer/canvas.h>
#include <stint/tools/trainer/chart.h>

#include <algorithm>
#include <cmath>

namespace stint {

namespace {

constexpr int panel_width = 480, panel_height = 340;
constexpr double left = 60, right = 20, top = 30, bottom = 40;
constexpr Colour black{40, 40, 40}, grey{220, 220, 220};
// Okabe and Ito's palette, which colour-blind people can tell apart.
constexpr Colour colours[] = {{0, 114, 178},   {213, 94, 0},  {0, 158, 115},
                              {204, 121, 167}, {230, 159, 0}, {86, 180, 233}};

struct Range {
  double low = INFINITY, high = -INFINITY;

  void include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  void widen() {
    if (!(low <= high)) low = 0, high = 1;
    if (low == high) low -= 0.5, high += 0.5;
  }
};

bool is_drawn(const std::pair<double, double>& point) {
  return std::isfinite(point.first) && std::isfinite(point.second);
}

/// Round numbers, some five to a range.
std::vector<double> ticks(const Range& range) {
  double raw = (range.high - range.low) / 5, power = std::pow(10, std::floor(std::log10(raw)));
  double step = power * (raw / power < 1.5 ? 1 : raw / power < 3.5 ? 2 : raw / power < 7.5 ? 5 : 10);
  std::vector<double> found;
  for (double k = std::ceil(range.low / step); k * step <= range.high + step * 1e-9; ++k) found.push_back(k * step);
  return found;
}

/// Draws one panel whose left edge is at `x0`.
class PanelDrawing {
 public:
  PanelDrawing(Canvas& canvas, const Panel& panel, double x0) : canvas_(canvas), panel_(panel), x0_(x0) {
    for (const Curve& curve : panel.curves) {
      for (const auto& point : curve.points) {
        if (!is_drawn(point)) continue;
        across_.include(point.first);
        down_.include(point.second);
      }
    }
    across_.widen();
    down_.widen();
  }

  void draw(const std::string& x_title) {
    canvas_.text(x0_ + left, top - 12, Canvas::Anchor::left, panel_.title, black);
    canvas_.text(place({across_.high, 0}).first, panel_height - 8, Canvas::Anchor::right, x_title, black);
    draw_axes();
    double y = top + 14;
    if (panel_.rising) y = panel_height - bottom - 15 * static_cast<double>(panel_.curves.size());
    for (const Curve& curve : panel_.curves) {
      Colour colour = colours[static_cast<std::size_t>(curve.colour) % std::size(colours)];
      Points points;
      for (const auto& point : curve.points) {
        if (is_drawn(point)) points.push_back(place(point));
      }
      if (points.size() == 1) points.push_back({points[0].first + 2, points[0].second});  // so that it is seen
      canvas_.line(points, colour, curve.faint ? 1 : 2);
      canvas_.line({{x0_ + panel_width - right - 24, y - 4}, {x0_ + panel_width - right - 4, y - 4}}, colour,
                   curve.faint ? 1 : 2);
      canvas_.text(x0_ + panel_width - right - 28, y, Canvas::Anchor::right, curve.name, colour);
      y += 15;
    }
  }

 private:
  std::pair<double, double> place(std::pair<double, double> point) const {
    double x = (point.first - across_.low) / (across_.high - across_.low);
    double y = (point.second - down_.low) / (down_.high - down_.low);
    return {x0_ + left + x * (panel_width - left - right), panel_height - bottom - y * (panel_height - top - bottom)};
  }

  void draw_axes() {
    for (double tick : ticks(down_)) {
      double y = place({0, tick}).second;
      canvas_.line({{x0_ + left, y}, {x0_ + panel_width - right, y}}, grey, 1);
      canvas_.text(x0_ + left - 6, y + 4, Canvas::Anchor::right, fmt::format("{:.5g}", tick), black);
    }
    for (double tick : ticks(across_)) {
      double x = place({tick, 0}).first;
      canvas_.text(x, panel_height - bottom + 16, Canvas::Anchor::middle, fmt::format("{:.5g}", tick), black);
      canvas_.line({{x, panel_height - bottom}, {x, panel_height - bottom + 4}}, black, 1);
    }
    canvas_.line(
        {{x0_ + left, top}, {x0_ + left, panel_height - bottom}, {x0_ + panel_width - right, panel_height - bottom}},
        black, 1);
  }

  Canvas& canvas_;
  const Panel& panel_;
  double x0_;
  Range across_, down_;
};

void draw(Canvas& canvas, const Chart& chart) {
  double x = 0;
  for (const Panel& panel : chart.panels) {
    PanelDrawing(canvas, panel, x).draw(chart.x_title);
    x += panel_width;
  }
}

int width_of(const Chart& chart) {
  return panel_width * static_cast<int>(chart.panels.size());
}

}  // namespace

std::string chart_svg(const Chart& chart) {
  SvgCanvas canvas(width_of(chart), panel_height);
  draw(canvas, chart);
  return canvas.finish();
}

std::string chart_png(const Chart& chart) {
  PixelCanvas canvas(width_of(chart), panel_height);
  draw(canvas, chart);
  return canvas.finish_png();
}

}  // namespace stint
