#pragma once

#include <stint/tools/trainer/chart.h>

#include <filesystem>
#include <map>

namespace stint {

/// What a run directory tells of its course.
struct RunHistory {
  std::string name;
  std::string status;                                 ///< of run.json
  std::vector<std::pair<double, double>> train_loss;  ///< by epoch, in parts of one; means over a few steps
  std::vector<std::map<std::string, double>> epochs;  ///< rows of summary.csv, by column

  double last(const std::string& column) const;  ///< NaN if there is no row
  double best(const std::string& column) const;  ///< the largest; NaN if there is no row
};

/// Errors (ErrorKind::usage): no run; (ErrorKind::data): a summary.csv that is none.
RunHistory read_history(const std::filesystem::path& run);

/// Loss and accuracy of one run or several, side by side.
Chart curves_of(const std::vector<RunHistory>& runs);

/// Writes curves.svg and curves.png into a run directory.
void draw_curves(const std::filesystem::path& run);

}  // namespace stint
