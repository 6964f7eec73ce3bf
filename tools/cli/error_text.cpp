#include <stint/tools/cli/error_text.h>
#include <stint/tools/config/printable.h>

namespace stint {

namespace {

constexpr int most_lines = 3;
constexpr std::size_t longest_line = 400;

}  // namespace

std::string error_text(std::string_view message) {
  std::string text = "stint: ";
  for (int line = 1;; ++line) {
    std::size_t end = message.find('\n');
    text += printable(message.substr(0, end), longest_line);
    message = end == std::string_view::npos ? "" : message.substr(end + 1);
    if (message.empty()) return text + "\n";
    if (line == most_lines) return text + " ...\n";
    text += "\n";
  }
}

}  // namespace stint
