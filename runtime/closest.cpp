#include <fmt/core.h>
#include <stint/runtime/closest.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace stint {

namespace {

/// Edit distance; two neighbours that changed places count as one edit (optimal string alignment).
std::size_t edits(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before = std::exchange(above, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1] ? 1 : 0)});
      bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row.back();
}

}  // namespace

std::string did_you_mean(std::string_view given, const std::vector<std::string>& known) {
  if (given.size() > 64) return "";  // not a slip of the finger
  auto best = std::min_element(known.begin(), known.end(), [&](const std::string& a, const std::string& b) {
    return edits(given, a) < edits(given, b);
  });
  if (best == known.end() || edits(given, *best) > std::max<std::size_t>(1, best->size() / 3)) return "";
  return fmt::format(": did you mean '{}'?", *best);
}

}  // namespace stint
