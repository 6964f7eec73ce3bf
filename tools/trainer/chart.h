#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace stint {

struct Curve {
  std::string name;
  std::vector<std::pair<double, double>> points;
  int colour = 0;                   ///< which of a few that are told apart easily
  bool faint = false;               ///< drawn thin
  bool marked = false;              ///< a mark at every point
  bool dashed = false;              ///< so that what lies under it is seen
  std::vector<double> spread = {};  ///< of every point, up and down; empty: none
};

/// One pair of axes; points that are not finite, or not positive on an axis of powers, are left out.
struct Panel {
  std::string title;
  std::vector<Curve> curves;
  bool rising = false;                ///< then the names stand at the bottom, out of the way
  std::string x_title = {};           ///< in the place of the chart's
  bool log_x = false, log_y = false;  ///< axes of powers of ten
};

struct Chart {
  std::string x_title;
  std::vector<Panel> panels;  ///< side by side
  bool names_beside = false;  ///< the first panel's names stand to the right of all, and not in each
};

/// The same picture twice, without a library: as SVG, and as a PNG file.
std::string chart_svg(const Chart& chart);
std::string chart_png(const Chart& chart);

}  // namespace stint
