#include <stint/runtime/error.h>
#include <stint/tools/config/number_list.h>
#include <stint/tools/config/printable.h>

#include <charconv>
#include <cmath>

namespace stint {

std::optional<std::vector<double>> read_number_list(const std::string& text) {
  std::vector<double> numbers;
  const char *next = text.data(), *end = text.data() + text.size();
  while (true) {
    double value = 0;
    auto [after, error] = std::from_chars(next, end, value);
    if (error != std::errc{} || !std::isfinite(value)) return {};
    numbers.push_back(value);
    if (after == end) return numbers;
    if (*after != ',') return {};
    next = after + 1;
  }
}

bool is_number_list(const std::string& text) {
  return read_number_list(text).has_value();
}

std::pair<double, double> read_range(const std::string& text, const char* option) {
  auto numbers = read_number_list(text);
  if (!numbers || numbers->size() != 2 || (*numbers)[0] <= 0 || (*numbers)[0] > (*numbers)[1]) {
    fail(ErrorKind::usage, option, "expected LOW,HIGH with 0 < LOW <= HIGH, got '{}'", printable(text));
  }
  return {(*numbers)[0], (*numbers)[1]};
}

}  // namespace stint
