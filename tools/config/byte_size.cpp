#include <stint/runtime/error.h>
#include <stint/tools/config/byte_size.h>
#include <stint/tools/config/config.h>
#include <stint/tools/config/printable.h>

#include <charconv>
#include <map>

namespace stint {

std::optional<std::uint64_t> read_byte_size(std::string_view text) {
  static const std::map<std::string_view, std::uint64_t> units = {
      {"", 1},
      {"B", 1},
      {"KB", 1000},
      {"MB", 1000000},
      {"GB", 1000000000},
      {"TB", 1000000000000},
      {"KiB", 1024},
      {"MiB", 1u << 20},
      {"GiB", 1u << 30},
      {"TiB", std::uint64_t{1} << 40},
  };
  const char* end = text.data() + text.size();
  std::uint64_t count = 0, bytes = 0;
  auto [point, error] = std::from_chars(text.data(), end, count);
  if (error != std::errc{}) return {};
  double fraction = 0;
  const char* after = point;
  if (point != end && *point == '.') {
    auto [last, wrong] = std::from_chars(point, end, fraction, std::chars_format::fixed);
    if (wrong != std::errc{}) return {};
    after = last;
  }
  auto unit = units.find(std::string_view(after, static_cast<std::size_t>(end - after)));
  if (unit == units.end() || (after != point && unit->second == 1)) return {};
  if (__builtin_mul_overflow(count, unit->second, &bytes)) return {};
  auto rest = static_cast<std::uint64_t>(fraction * static_cast<double>(unit->second));
  if (__builtin_add_overflow(bytes, rest, &bytes) || bytes == 0) return {};
  return bytes;
}

std::uint64_t parse_bytes(const std::string& text) {
  auto bytes = read_byte_size(text);
  if (!bytes) {
    fail(ErrorKind::usage, "memory.budget", "expected bytes with a unit, like 6GiB or 512MiB, got '{}'",
         printable(text));
  }
  return *bytes;
}

}  // namespace stint
