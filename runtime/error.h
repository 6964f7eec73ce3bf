#pragma once

#include <fmt/core.h>

#include <stdexcept>
#include <string>
#include <string_view>

namespace stint {

/// What kind of thing went wrong; the `stint` program turns it into its exit code.
enum class ErrorKind { runtime = 1, usage = 2, memory = 3, data = 4, peer_lost = 5, diverged = 6, drifted = 7 };

/// The one exception type of the library. Its text begins with the operation's name and states what was expected and
/// what was found.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& text) : std::runtime_error(text), kind_(kind) {}

  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

/// Any exception as one of ours: what has no kind of its own is a runtime error.
inline Error as_error(const std::exception& exception) {
  auto* known = dynamic_cast<const Error*>(&exception);
  return known ? *known : Error(ErrorKind::runtime, exception.what());
}

/// Throws `Error(kind, "operation: message")`.
template <typename... Args>
[[noreturn]] void fail(ErrorKind kind, std::string_view operation, fmt::format_string<Args...> text, Args&&... args) {
  throw Error(kind, fmt::format("{}: {}", operation, fmt::format(text, std::forward<Args>(args)...)));
}

/// Throws a runtime `Error` unless `condition` holds.
template <typename... Args>
void require(bool condition, std::string_view operation, fmt::format_string<Args...> text, Args&&... args) {
  if (!condition) fail(ErrorKind::runtime, operation, text, std::forward<Args>(args)...);
}

}  // namespace stint
