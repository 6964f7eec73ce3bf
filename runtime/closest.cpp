#include <fmt/core.h>
#include <stint/runtime/closest.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace stint {

namespace {

/// Levenshtein distance.
std::size_t edits(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t substituted = diagonal + (a[i - 1] != b[j - 1] ? 1 : 0);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, substituted}));
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
