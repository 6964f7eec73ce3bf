#include <stint/tools/cli/commands.h>
#include <stint/tools/cli/progress_line.h>
#include <stint/tools/cli/report.h>
#include <stint/tools/config/json_text.h>
#include <stint/tools/trainer/files.h>
#include <stint/tools/trainer/run_history.h>

#include <algorithm>
#include <cmath>

namespace stint {

namespace {

double total(const RunHistory& run, const std::string& column) {
  double sum = 0;
  for (const auto& row : run.epochs) sum += row.contains(column) ? row.at(column) : 0;
  return sum;
}

std::string or_dash(double value, const std::string& text) {
  return std::isfinite(value) ? text : "-";
}

void print_table(const std::vector<RunHistory>& runs) {
  std::size_t width = 4;
  for (const RunHistory& run : runs) width = std::max(width, run.name.size());
  fmt::print("{:<{}}  {:<9}{:>7}{:>12}{:>11}{:>8}{:>7}{:>10}{:>12}{:>12}\n", "run", width, "status", "epochs",
             "train loss", "eval loss", "top1", "best", "time", "peak", "saved");
  for (const RunHistory& run : runs) {
    double loss = run.last("train_loss"), eval = run.last("eval_loss"), peak = run.last("peak_mem_bytes");
    auto bytes = [&](double value) {
      return std::isfinite(value) ? human_bytes(static_cast<std::size_t>(value)) : "-";
    };
    fmt::print("{:<{}}  {:<9}{:>7}{:>12}{:>11}{:>8}{:>7}{:>10}{:>12}{:>12}\n", run.name, width, run.status,
               run.epochs.size(), or_dash(loss, fmt::format("{:.4f}", loss)),
               or_dash(eval, fmt::format("{:.4f}", eval)), or_dash(eval, fmt::format("{:.2f}", run.last("eval_top1"))),
               or_dash(eval, fmt::format("{:.2f}", run.best("eval_top1"))), clock_text(total(run, "time_s")),
               bytes(peak), bytes(run.last("saved_act_bytes")));
  }
}

nlohmann::ordered_json to_json(const RunHistory& run) {
  nlohmann::ordered_json json = {
      {"run", run.name}, {"status", run.status}, {"epochs", run.epochs.size()}, {"time_s", total(run, "time_s")}};
  if (run.epochs.empty()) return json;
  for (const auto& [column, value] : run.epochs.back()) {
    if (column != "epoch" && column != "time_s") json[column] = value;
  }
  json["best_top1"] = run.best("eval_top1");
  return json;
}

}  // namespace

int run_compare(const Config& config, const std::vector<std::string>& paths, const std::string& picture) {
  std::vector<RunHistory> runs;
  for (const std::string& path : paths) runs.push_back(read_history(path));
  Chart chart = curves_of(runs);
  write_file(picture + ".svg", chart_svg(chart));
  write_file(picture + ".png", chart_png(chart));
  if (config.log.json) {
    auto json = nlohmann::ordered_json::array();
    for (const RunHistory& run : runs) json.push_back(to_json(run));
    fmt::print("{}\n", json_text(json, 2));
    return 0;
  }
  print_table(runs);
  fmt::print("curves: {0}.svg, {0}.png\n", picture);
  return 0;
}

}  // namespace stint
