#include <fmt/format.h>
#include <stint/runtime/error.h>
#include <stint/tools/trainer/files.h>
#include <stint/tools/trainer/run_history.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

namespace stint {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

constexpr std::size_t most_points = 400;  // of a curve

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> parts;
  std::istringstream text(line);
  for (std::string part; std::getline(text, part, ',');) parts.push_back(part);
  return parts;
}

std::vector<std::map<std::string, double>> read_summary(const fs::path& file) {
  std::istringstream lines(read_file(file));
  std::string line;
  std::getline(lines, line);
  std::vector<std::string> columns = split(line);
  std::vector<std::map<std::string, double>> rows;
  while (std::getline(lines, line)) {
    std::vector<std::string> values = split(line);
    if (values.size() != columns.size()) {
      fail(ErrorKind::data, "summary", "{} has a row of {} values, expected {}", file.string(), values.size(),
           columns.size());
    }
    auto& row = rows.emplace_back();
    for (std::size_t i = 0; i < columns.size(); ++i) row[columns[i]] = std::strtod(values[i].c_str(), nullptr);
  }
  return rows;
}

/// (step, loss) of the steps, and how many steps an epoch has (1 as long as none is done).
std::vector<std::pair<double, double>> read_steps(const fs::path& file, double& steps_an_epoch) {
  std::vector<std::pair<double, double>> steps;
  std::istringstream lines(read_file(file));
  for (std::string line; std::getline(lines, line);) {
    Json json = Json::parse(line, nullptr, false);
    if (!json.is_object() || !json.contains("step") || !json["step"].is_number()) continue;
    double step = json["step"];
    if (json.contains("eval_loss")) steps_an_epoch = step / (json.value("epoch", 0.0) + 1);
    if (json.contains("loss") && json["loss"].is_number()) steps.emplace_back(step, json["loss"]);
  }
  return steps;
}

std::vector<std::pair<double, double>> thinned(const std::vector<std::pair<double, double>>& points) {
  std::size_t group = (points.size() + most_points - 1) / most_points;
  std::vector<std::pair<double, double>> means;
  for (std::size_t begin = 0; begin < points.size(); begin += group) {
    std::size_t end = std::min(begin + group, points.size());
    double sum = 0;
    for (std::size_t i = begin; i < end; ++i) sum += points[i].second;
    means.emplace_back(points[end - 1].first, sum / static_cast<double>(end - begin));
  }
  return means;
}

std::vector<std::pair<double, double>> column(const RunHistory& run, const std::string& name) {
  std::vector<std::pair<double, double>> points;
  for (const auto& row : run.epochs) {
    if (row.contains(name)) points.emplace_back(row.at("epoch") + 1, row.at(name));
  }
  return points;
}

}  // namespace

double RunHistory::last(const std::string& column) const {
  return epochs.empty() || !epochs.back().contains(column) ? NAN : epochs.back().at(column);
}

double RunHistory::best(const std::string& column) const {
  double best = NAN;
  for (const auto& row : epochs) {
    if (row.contains(column) && !(row.at(column) <= best)) best = row.at(column);
  }
  return best;
}

RunHistory read_history(const fs::path& run) {
  if (!fs::exists(run / "summary.csv"))
    fail(ErrorKind::usage, "run", "{} is no run: it has no summary.csv", run.string());
  fs::path plain = fs::absolute(run).lexically_normal();
  RunHistory history{.name = (plain.has_filename() ? plain : plain.parent_path()).filename()};
  history.epochs = read_summary(run / "summary.csv");
  if (fs::exists(run / "run.json")) {
    Json json = Json::parse(read_file(run / "run.json"), nullptr, false);
    if (json.is_object() && json.contains("status") && json["status"].is_string()) history.status = json["status"];
  }
  if (fs::exists(run / "metrics.jsonl")) {
    double steps_an_epoch = 1;
    history.train_loss = thinned(read_steps(run / "metrics.jsonl", steps_an_epoch));
    for (auto& [step, loss] : history.train_loss) step /= steps_an_epoch;
  }
  return history;
}

Chart curves_of(const std::vector<RunHistory>& runs) {
  Panel loss{"loss"}, top1{.title = "top-1 accuracy, per cent", .rising = true};
  int number = 0;
  for (const RunHistory& run : runs) {
    bool alone = runs.size() == 1;
    std::string prefix = alone ? "" : run.name + " ";
    loss.curves.push_back({prefix + "train", run.train_loss, number, true});
    loss.curves.push_back({prefix + "eval", column(run, "eval_loss"), alone ? 1 : number, false});
    top1.curves.push_back({alone ? "eval" : run.name, column(run, "eval_top1"), alone ? 1 : number, false});
    ++number;
  }
  return {"epoch", {loss, top1}};
}

void draw_curves(const fs::path& run) {
  Chart chart = curves_of({read_history(run)});
  write_file(run / "curves.svg", chart_svg(chart));
  write_file(run / "curves.png", chart_png(chart));
}

}  // namespace stint
