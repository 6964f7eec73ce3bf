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
  for (const FinishedRun& run : row.runs) epochs = std::max(epochs, run.measures.size());
  for (std::size_t e = 0; e < epochs; ++e) {
    double x_sum = 0, y_sum = 0, count = 0;
    for (const FinishedRun& run : row.runs) {
      if (e >= run.measures.size()) continue;
      x_sum += measure(run.measures[e], x);
      y_sum += measure(run.measures[e], y);
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
    if (!row.runs.empty()) panel.curves.push_back({row.row->name, course_of(row, x, picture.y), colour});
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

Panel point_panel(const Picture& picture, const TableResult& result, const std::string& x) {
  Panel panel;
  for (const RowResult& row : result.rows) {
    if (!shows(picture, row.row->name)) continue;
    Figure across = row.figures.at(x), down = row.figures.at(picture.y);
    if (across.count == 0 || down.count == 0) continue;
    const std::string& series = row.row->series.empty() ? row.row->name : row.row->series;
    auto curve =
        std::find_if(panel.curves.begin(), panel.curves.end(), [&](const Curve& c) { return c.name == series; });
    if (curve == panel.curves.end()) {
      panel.curves.push_back({.name = series, .colour = static_cast<int>(panel.curves.size()), .marked = true});
      curve = panel.curves.end() - 1;
    }
    curve->points.emplace_back(across.mean, down.mean);
    curve->spread.push_back(down.deviation);
  }
  return panel;
}

std::string title_of(const Table& table, const std::string& key) {
  const Column* column = table.find_column(key);
  return column ? column->title : key;
}

/// Measures as people call them.
std::string measure_title(const std::string& name) {
  static const std::map<std::string, std::string> titles = {{"step", "steps"},
                                                            {"sync_rounds", "rounds"},
                                                            {"wire_tx_bytes", "bytes sent by a worker"},
                                                            {"emulated_s", "seconds, emulated"},
                                                            {"total_s", "seconds of training, measured"}};
  auto found = titles.find(name);
  return found == titles.end() ? name : found->second;
}

}  // namespace

Chart draw_picture(const Picture& picture, const TableResult& result) {
  Chart chart;
  for (const std::string& x : picture.x) {
    Panel panel = picture.course ? course_panel(picture, result, x) : point_panel(picture, result, x);
    panel.title = chart.panels.empty() ? picture.title : "";
    panel.x_title = picture.course ? measure_title(x) : title_of(*result.table, x);
    panel.rising = picture.rising;
    panel.log_x = picture.log_x;
    panel.log_y = picture.log_y;
    chart.panels.push_back(panel);
  }
  return chart;
}

}  // namespace stint::reproduce
