#include <stint/tools/reproduce/pictures.h>

#include <algorithm>

namespace stint::reproduce {

namespace {

bool is_in(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool shows(const Picture& picture, const std::string& row) {
  return picture.rows.empty() || is_in(picture.rows, row);
}

double measure(const std::map<std::string, double>& epoch, const std::string& name) {
  auto found = epoch.find(name);
  return found == epoch.end() ? NAN : found->second;
}

/// The course of a row, epoch by epoch: the mean over the runs that came as far.
std::vector<std::pair<double, double>> course_of(const RowResult& row, const std::string& x, const std::string& y) {
  std::vector<std::pair<double, double>> points;
  std::size_t epochs = 0;
  for (const EndedRun& run : row.runs) epochs = std::max(epochs, run.record.measures.size());
  for (std::size_t e = 0; e < epochs; ++e) {
    double x_sum = 0, y_sum = 0, count = 0;
    for (const EndedRun& run : row.runs) {
      if (e >= run.record.measures.size()) continue;
      x_sum += measure(run.record.measures[e], x);
      y_sum += measure(run.record.measures[e], y);
      ++count;
    }
    points.emplace_back(x_sum / count, y_sum / count);
  }
  return points;
}

Panel course_panel(const Picture& picture, const TableResult& result, const std::string& x) {
  Panel panel;
  int colour = 0;
  for (const RowResult& row : result.rows) {
    if (!shows(picture, row.row->name)) continue;
    const std::string& name = row.row->name;
    if (!row.runs.empty()) {
      panel.curves.push_back({.name = name, .points = course_of(row, x, picture.y.front()), .colour = colour});
      panel.curves.back().dashed = is_in(picture.dashed, name);
    }
    if (x == picture.x.front()) {  // the records' own axis
      for (const RecordedCurve& recorded : picture.recorded) {
        if (recorded.name != name) continue;
        Curve curve{.name = recorded.name + ", recorded", .colour = colour, .faint = true, .marked = true};
        for (std::size_t i = 0; i < recorded.x.size(); ++i) curve.points.emplace_back(recorded.x[i], recorded.y[i]);
        panel.curves.push_back(curve);
      }
    }
    ++colour;
  }
  return panel;
}

std::string title_of(const Table& table, const std::string& key) {
  const Column* column = table.find_column(key);
  return column ? column->title : key;
}

/// Adds a row's point to the curve of its series.
void add_point(Panel& panel, const std::string& name, std::pair<double, double> point, double spread, int colour,
               bool faint) {
  auto curve = std::find_if(panel.curves.begin(), panel.curves.end(), [&](const Curve& c) { return c.name == name; });
  if (curve == panel.curves.end()) {
    panel.curves.push_back({.name = name, .colour = colour, .faint = faint, .marked = !faint});
    curve = panel.curves.end() - 1;
  }
  auto after = std::upper_bound(curve->points.begin(), curve->points.end(), point);
  curve->spread.insert(curve->spread.begin() + (after - curve->points.begin()), spread);
  curve->points.insert(after, point);
}

/// Begins every curve but its own with the only point of one.
void begin_with(Panel& panel, const std::string& start) {
  auto first = std::find_if(panel.curves.begin(), panel.curves.end(), [&](const Curve& c) { return c.name == start; });
  if (first == panel.curves.end()) return;
  for (Curve& curve : panel.curves) {
    if (curve.name != start) add_point(panel, curve.name, first->points[0], first->spread[0], 0, false);
  }
}

Panel point_panel(const Picture& picture, const TableResult& result, const std::string& x) {
  Panel panel;
  std::map<std::string, int> colours;  // of series
  for (const RowResult& row : result.rows) {
    if (!shows(picture, row.row->name)) continue;
    std::string series = row.row->series.empty() ? row.row->name : row.row->series;
    int colour = colours.emplace(series, static_cast<int>(colours.size())).first->second;
    for (const std::string& y : picture.y) {
      Figure across = row.figures.at(x), down = row.figures.at(y);
      if (across.count == 0 || down.count == 0) continue;
      bool further = y != picture.y.front();
      std::string name = further ? series + ", " + title_of(*result.table, y) : series;
      add_point(panel, name, {across.mean, down.mean}, down.deviation, colour, further);
    }
  }
  for (Curve& curve : panel.curves) curve.dashed = is_in(picture.dashed, curve.name);
  begin_with(panel, picture.start);
  return panel;
}

/// The guide's law, at the places of the curve's points, where it is not below the first of them.
Curve guide_of(const Curve& curve, const std::string& law) {
  Curve guide{.name = "a + b " + law + " x", .colour = curve.colour, .faint = true, .dashed = true};
  if (curve.points.empty()) return guide;
  auto at = [&](double x) { return law == "log" ? std::log(x) : std::sqrt(x); };
  auto last = curve.points.back();
  auto tenth = *std::find_if(curve.points.begin(), curve.points.end() - 1,
                             [&](const auto& point) { return point.first >= last.first / 10; });
  double slope = (last.second - tenth.second) / (at(last.first) - at(tenth.first));
  for (auto [x, y] : curve.points) guide.points.emplace_back(x, last.second + slope * (at(x) - at(last.first)));
  double least = curve.points.front().second;
  std::erase_if(guide.points, [&](const auto& point) { return !(point.second >= least); });
  return guide;
}

void add_guides(Panel& panel, const std::vector<Guide>& guides) {
  std::vector<Curve> curves = panel.curves;
  for (const Guide& guide : guides) {
    for (const Curve& curve : curves) {
      if (curve.name == guide.curve) panel.curves.push_back(guide_of(curve, guide.law));
    }
  }
}

/// Measures as people call them.
std::string measure_title(const std::string& name) {
  static const std::map<std::string, std::string> titles = {{"step", "steps"},
                                                            {"sync_rounds", "rounds"},
                                                            {"wire_tx_bytes", "bytes sent by worker 0"},
                                                            {"emulated_s", "seconds, emulated"},
                                                            {"total_s", "seconds of training, measured"}};
  auto found = titles.find(name);
  return found == titles.end() ? name : found->second;
}

}  // namespace

Chart draw_picture(const Picture& picture, const TableResult& result) {
  Chart chart{.names_beside = true};
  for (const std::string& x : picture.x) {
    Panel panel = picture.course ? course_panel(picture, result, x) : point_panel(picture, result, x);
    panel.title = chart.panels.empty() ? picture.title : "";
    panel.x_title = picture.course ? measure_title(x) : title_of(*result.table, x);
    add_guides(panel, picture.guides);
    panel.log_x = is_in(picture.log, x);
    panel.log_y = is_in(picture.log, picture.y.front());
    chart.panels.push_back(panel);
  }
  return chart;
}

}  // namespace stint::reproduce
