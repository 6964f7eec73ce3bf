#include <fmt/format.h>
#include <stint/tools/trainer/canvas.h>
#include <stint/tools/trainer/chart.h>

#include <algorithm>
#include <cmath>

namespace stint {

namespace {

constexpr int panel_width = 480, panel_height = 340, names_width = 170;
constexpr double left = 60, right = 20, top = 30, bottom = 40;
constexpr Colour black{40, 40, 40}, grey{220, 220, 220};
// Okabe and Ito's palette, which colour-blind people can tell apart.
constexpr Colour colours[] = {{0, 114, 178}, {213, 94, 0},   {0, 158, 115}, {204, 121, 167},
                              {230, 159, 0}, {86, 180, 233}, {0, 0, 0},     {150, 90, 40}};

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

/// A direction: where a value lies between the ends of its range, from 0 to 1.
struct Axis {
  Range range;
  bool log = false;

  bool shows(double value) const { return std::isfinite(value) && (!log || value > 0); }
  double scaled(double value) const { return log ? std::log10(value) : value; }
  void include(double value) { range.include(scaled(value)); }
  double place(double value) const { return (scaled(value) - range.low) / (range.high - range.low); }
};

/// Round numbers, some five to a range.
std::vector<double> ticks(const Range& range) {
  double raw = (range.high - range.low) / 5, power = std::pow(10, std::floor(std::log10(raw)));
  double step = power * (raw / power < 1.5 ? 1 : raw / power < 3.5 ? 2 : raw / power < 7.5 ? 5 : 10);
  std::vector<double> found;
  for (double k = std::ceil(range.low / step); k * step <= range.high + step * 1e-9; ++k) found.push_back(k * step);
  return found;
}

/// The same as values; of powers, whole ones where there are two or more.
std::vector<double> ticks(const Axis& axis) {
  if (!axis.log) return ticks(axis.range);
  std::vector<double> found;
  for (double k = std::ceil(axis.range.low); k <= axis.range.high; ++k) found.push_back(std::pow(10, k));
  if (found.size() >= 2) return found;
  found.clear();
  for (double k = std::floor(axis.range.low); k <= axis.range.high; ++k) {
    for (double digit : {1, 2, 3, 5, 7}) {
      double value = digit * std::pow(10, k), at = axis.scaled(value);
      if (at >= axis.range.low && at <= axis.range.high) found.push_back(value);
    }
  }
  return found;
}

Colour colour_of(const Curve& curve) {
  return colours[static_cast<std::size_t>(curve.colour) % std::size(colours)];
}

/// The line in dashes.
std::vector<Points> dashes_of(const Points& line) {
  constexpr double dash = 7, gap = 5;
  std::vector<Points> dashes;
  if (!line.empty()) dashes.push_back({line[0]});
  bool drawn = true;
  double room = dash;  // in this dash or gap
  for (std::size_t i = 1; i < line.size(); ++i) {
    auto [x, y] = line[i - 1];
    auto [to_x, to_y] = line[i];
    double length = std::hypot(to_x - x, to_y - y);
    while (length > room) {
      x += (to_x - x) * room / length;
      y += (to_y - y) * room / length;
      length -= room;
      if (drawn) dashes.back().emplace_back(x, y);
      drawn = !drawn;
      if (drawn) dashes.push_back({{x, y}});
      room = drawn ? dash : gap;
    }
    room -= length;
    if (drawn) dashes.back().push_back(line[i]);
  }
  return dashes;
}

void draw_line(Canvas& canvas, const Points& points, const Curve& curve) {
  double width = curve.faint ? 1 : 2;
  if (!curve.dashed) return canvas.line(points, colour_of(curve), width);
  for (const Points& dash : dashes_of(points)) canvas.line(dash, colour_of(curve), width);
}

/// A line a curve, ending at `x`, the first at `y`.
void draw_names(Canvas& canvas, const Panel& panel, double x, double y) {
  for (const Curve& curve : panel.curves) {
    draw_line(canvas, {{x - 20, y - 4}, {x, y - 4}}, curve);
    canvas.text(x - 24, y, Canvas::Anchor::right, curve.name, colour_of(curve));
    y += 15;
  }
}

/// `10000000` as `10M`.
std::string tick_text(double value) {
  static constexpr std::pair<double, const char*> units[] = {{1e9, "G"}, {1e6, "M"}, {1e4, "k"}};
  for (auto [least, name] : units) {
    double unit = least == 1e4 ? 1e3 : least;
    if (std::abs(value) >= least) return fmt::format("{:.5g}{}", value / unit, name);
  }
  return fmt::format("{:.5g}", value);
}

/// Draws one panel whose left edge is at `x0`.
class PanelDrawing {
 public:
  PanelDrawing(Canvas& canvas, const Panel& panel, double x0) : canvas_(canvas), panel_(panel), x0_(x0) {
    across_.log = panel.log_x;
    down_.log = panel.log_y;
    for (const Curve& curve : panel.curves) {
      for (std::size_t i = 0; i < curve.points.size(); ++i) include(curve, i);
    }
    across_.range.widen();
    down_.range.widen();
  }

  void draw(const std::string& x_title) {
    canvas_.text(x0_ + left, top - 12, Canvas::Anchor::left, panel_.title, black);
    canvas_.text(x0_ + panel_width - right, panel_height - 8, Canvas::Anchor::right,
                 panel_.x_title.empty() ? x_title : panel_.x_title, black);
    draw_axes();
    for (const Curve& curve : panel_.curves) {
      Points points;
      for (const auto& point : curve.points) {
        if (is_drawn(point)) points.push_back(place(point));
      }
      if (points.size() == 1) points.push_back({points[0].first + 2, points[0].second});  // so that it is seen
      draw_line(canvas_, points, curve);
      draw_points(curve, colour_of(curve));
    }
  }

  /// In the panel, where its curves leave room.
  void draw_names() {
    double lines = static_cast<double>(panel_.curves.size());
    stint::draw_names(canvas_, panel_, x0_ + panel_width - right - 4,
                      panel_.rising ? panel_height - bottom - 15 * lines : top + 14);
  }

 private:
  bool is_drawn(const std::pair<double, double>& point) const {
    return across_.shows(point.first) && down_.shows(point.second);
  }

  void include(const Curve& curve, std::size_t i) {
    if (!is_drawn(curve.points[i])) return;
    auto [x, y] = curve.points[i];
    across_.include(x);
    down_.include(y);
    if (curve.spread.empty()) return;
    for (double end : {y - curve.spread[i], y + curve.spread[i]}) {
      if (down_.shows(end)) down_.include(end);
    }
  }

  /// Marks, and how far the points may be elsewhere.
  void draw_points(const Curve& curve, Colour colour) {
    for (std::size_t i = 0; i < curve.points.size(); ++i) {
      if (!is_drawn(curve.points[i])) continue;
      auto [x, y] = place(curve.points[i]);
      if (curve.marked) canvas_.line({{x, y}, {x + 0.01, y}}, colour, 6);
      if (curve.spread.empty() || curve.spread[i] == 0) continue;
      auto end = [&](double sign) {
        double value = curve.points[i].second + sign * curve.spread[i];
        return down_.shows(value) ? place({curve.points[i].first, value}).second : panel_height - bottom;
      };
      canvas_.line({{x, end(1)}, {x, end(-1)}}, colour, 1);
    }
  }

  std::pair<double, double> place(std::pair<double, double> point) const {
    double x = across_.place(point.first), y = down_.place(point.second);
    return {x0_ + left + x * (panel_width - left - right), panel_height - bottom - y * (panel_height - top - bottom)};
  }

  void draw_axes() {
    for (double tick : ticks(down_)) {
      double y = panel_height - bottom - down_.place(tick) * (panel_height - top - bottom);
      canvas_.line({{x0_ + left, y}, {x0_ + panel_width - right, y}}, grey, 1);
      canvas_.text(x0_ + left - 6, y + 4, Canvas::Anchor::right, tick_text(tick), black);
    }
    for (double tick : ticks(across_)) {
      double x = x0_ + left + across_.place(tick) * (panel_width - left - right);
      canvas_.text(x, panel_height - bottom + 16, Canvas::Anchor::middle, tick_text(tick), black);
      canvas_.line({{x, panel_height - bottom}, {x, panel_height - bottom + 4}}, black, 1);
    }
    canvas_.line(
        {{x0_ + left, top}, {x0_ + left, panel_height - bottom}, {x0_ + panel_width - right, panel_height - bottom}},
        black, 1);
  }

  Canvas& canvas_;
  const Panel& panel_;
  double x0_;
  Axis across_, down_;
};

void draw(Canvas& canvas, const Chart& chart) {
  double x = 0;
  for (const Panel& panel : chart.panels) {
    PanelDrawing drawing(canvas, panel, x);
    drawing.draw(chart.x_title);
    if (!chart.names_beside) drawing.draw_names();
    x += panel_width;
  }
  if (chart.names_beside) draw_names(canvas, chart.panels.at(0), x + names_width - 10, top + 14);
}

int width_of(const Chart& chart) {
  return panel_width * static_cast<int>(chart.panels.size()) + (chart.names_beside ? names_width : 0);
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
