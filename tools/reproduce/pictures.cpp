#include <stint/tools/reproduce/pictures.h>

#include <algorithm>

namespace stint::reproduce {

namespace {

bool shows(const Picture& picture, const std::string& row) {
  return picture.rows.empty() || std::find(picture.rows.begin(), picture.rows.end(), row) != picture.rows.end();
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
    if (!row.runs.empty()) panel.curves.push_back({row.row->name, course_of(row, x, picture.y.front()), colour});
    if (x == picture.x.front()) {  // the records' own axis
      for (const RecordedCurve& recorded : picture.recorded) {
        if (recorded.name != row.row->name) continue;
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
  return panel;
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
    panel.log_x = picture.log_x;
    panel.log_y = picture.log_y;
    chart.panels.push_back(panel);
  }
  return chart;
}

}  // namespace stint::reproduce
