#include <stint/tools/reproduce/pictures.h>

#include <catch2/catch.hpp>
#include <cmath>

using namespace stint;
using namespace stint::reproduce;

namespace {

/// A row of one run that measured `y` at every `x`.
RowResult row_of(const Row& row, const std::vector<double>& x, const std::vector<double>& y) {
  EndedRun run;
  for (std::size_t i = 0; i < x.size(); ++i) run.record.measures.push_back({{"step", x[i]}, {"rounds", y[i]}});
  RowResult result{.row = &row};
  result.runs.push_back(run);
  result.figures["step"] = {.mean = x.back(), .count = 1};
  result.figures["rounds"] = {.mean = y.back(), .count = 1};
  return result;
}

const Curve& curve_of(const Panel& panel, const std::string& name) {
  for (const Curve& curve : panel.curves) {
    if (curve.name == name) return curve;
  }
  throw std::runtime_error("there is no curve " + name);
}

}  // namespace

TEST_CASE("a guide goes through its curve at the end and at a tenth of it, by its law") {
  Row grows{.name = "grows"};
  Table table;
  TableResult result{.table = &table, .rows = {row_of(grows, {1, 10, 40, 100}, {5, 7, 9, 25})}};
  Picture picture{.course = true, .x = {"step"}, .y = {"rounds"}, .log = {"step"}, .dashed = {"grows"}};
  picture.guides = {{"grows", "log"}, {"grows", "sqrt"}};
  Panel panel = draw_picture(picture, result).panels.at(0);
  CHECK(panel.log_x);
  CHECK(!panel.log_y);
  CHECK(curve_of(panel, "grows").dashed);
  auto points = curve_of(panel, "a + b log x").points;
  REQUIRE(points.size() == 3);  // at 1 it is below the curve
  CHECK(points[0].second == Approx(7));
  CHECK(points[1].second == Approx(7 + 18 * std::log10(4)));
  CHECK(points[2].second == Approx(25));
  double share = (std::sqrt(40) - std::sqrt(10)) / (10 - std::sqrt(10));
  CHECK(curve_of(panel, "a + b sqrt x").points[1].second == Approx(7 + 18 * share));
}

TEST_CASE("a curve of points begins with the start's") {
  Row dense{.name = "dense"}, half{.name = "half", .series = "dropped"}, most{.name = "most", .series = "dropped"};
  Table table;
  TableResult result{.table = &table,
                     .rows = {row_of(dense, {0}, {9}), row_of(half, {5}, {8}), row_of(most, {9}, {7})}};
  Picture picture{.x = {"step"}, .y = {"rounds"}, .start = "dense"};
  Panel panel = draw_picture(picture, result).panels.at(0);
  using Points = std::vector<std::pair<double, double>>;
  CHECK(curve_of(panel, "dense").points == Points{{0, 9}});
  CHECK(curve_of(panel, "dropped").points == Points{{0, 9}, {5, 8}, {9, 7}});
}

TEST_CASE("a dashed curve is drawn in pieces that leave gaps") {
  Panel panel;
  panel.curves.push_back({.name = "c", .points = {{0, 0}, {1, 1}}});
  auto lines_of = [&] {
    std::string svg = chart_svg({.panels = {panel}});
    int lines = 0;
    for (std::size_t at = svg.find("#0072b2"); at != std::string::npos; at = svg.find("#0072b2", at + 1)) ++lines;
    return lines;
  };
  int whole = lines_of();
  REQUIRE(whole >= 1);
  panel.curves[0].dashed = true;
  CHECK(lines_of() > whole + 20);
}
