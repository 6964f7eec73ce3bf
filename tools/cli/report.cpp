#include <fmt/format.h>
#include <stint/tools/cli/error_text.h>
#include <stint/tools/cli/report.h>

namespace stint {

namespace {

std::string scaled(double value, double step, const char* const* units) {
  int unit = 0;
  for (; value >= step && units[unit + 1]; ++unit) value /= step;
  return unit == 0 ? fmt::format("{:.0f}{}", value, units[0]) : fmt::format("{:.2f}{}", value, units[unit]);
}

}  // namespace

void warn(const std::string& text) {
  if (!text.empty()) fmt::print(stderr, "{}", error_text(text));
}

std::string human_bytes(std::size_t bytes) {
  static constexpr const char* units[] = {" B", " KiB", " MiB", " GiB", " TiB", nullptr};
  return scaled(static_cast<double>(bytes), 1024, units);
}

std::string human_count(double count) {
  static constexpr const char* units[] = {"", " k", " M", " G", " T", " P", nullptr};
  return scaled(count, 1000, units);
}

std::string traffic_text(const std::array<std::uint64_t, dist::payload_count>& bytes) {
  std::string parts;
  std::uint64_t total = 0;
  for (int i = 0; i < dist::payload_count; ++i) {
    if (bytes[i] == 0) continue;
    parts += fmt::format("{}{} {}", parts.empty() ? "" : ", ", dist::payload_names[i], human_bytes(bytes[i]));
    total += bytes[i];
  }
  return total == 0 ? "0 B" : fmt::format("{} ({})", human_bytes(total), parts);
}

std::string purpose_table(const PurposeBytes& bytes) {
  std::string text;
  for (int i = 0; i < purpose_count; ++i) {
    if (bytes.bytes[i] > 0) text += fmt::format("  {:<14}{:>12}\n", purpose_names[i], human_bytes(bytes.bytes[i]));
  }
  return text;
}

}  // namespace stint
