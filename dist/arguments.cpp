#include <fmt/format.h>
#include <stint/dist/arguments.h>
#include <stint/runtime/closest.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>

namespace stint::dist {

namespace {

template <typename Number>
bool read(const std::string& text, Number& value) {
  const char* end = text.data() + text.size();
  auto [after, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && after == end;
}

}  // namespace

Arguments::Arguments(const std::string& text) : name_(text.substr(0, text.find(':'))) {
  if (name_.size() == text.size()) return;
  std::istringstream rest(text.substr(name_.size() + 1));
  for (std::string part; std::getline(rest, part, ',');) {
    std::size_t equals = part.find('=');
    if (equals == 0 || equals == std::string::npos) {
      fail(ErrorKind::usage, "sync", "expected {}:key=value,..., got '{}'", name_, part);
    }
    if (!values_.emplace(part.substr(0, equals), part.substr(equals + 1)).second) {
      fail(ErrorKind::usage, "sync", "{} has {} twice", name_, part.substr(0, equals));
    }
  }
}

const std::string* Arguments::find(const std::string& key) {
  known_.insert(key);
  auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

void Arguments::wrong(const std::string& key, const std::string& text, const std::string& expected) const {
  fail(ErrorKind::usage, "sync", "{} of {} is '{}', expected {}", key, name_, text, expected);
}

std::int64_t Arguments::integer(const std::string& key, std::int64_t otherwise, std::int64_t low) {
  const std::string* text = find(key);
  if (!text) return otherwise;
  std::int64_t value = 0;
  if (!read(*text, value) || value < low) wrong(key, *text, fmt::format("an integer of at least {}", low));
  return value;
}

double Arguments::number(const std::string& key, double otherwise, double low, double high) {
  const std::string* text = find(key);
  if (!text) return otherwise;
  double value = 0;
  bool good = read(*text, value) && std::isfinite(value) && value >= low && value <= high;
  if (!good) wrong(key, *text, fmt::format("a number from {} to {}", low, high));
  return value;
}

bool Arguments::flag(const std::string& key, bool otherwise) {
  const std::string* text = find(key);
  if (text && *text != "true" && *text != "false") wrong(key, *text, "true or false");
  return text ? *text == "true" : otherwise;
}

std::string Arguments::choice(const std::string& key, const std::vector<std::string>& choices) {
  const std::string* text = find(key);
  if (!text) return choices.front();
  if (std::find(choices.begin(), choices.end(), *text) == choices.end()) {
    wrong(key, *text, fmt::format("one of {}", fmt::join(choices, ", ")));
  }
  return *text;
}

std::string Arguments::text(const std::string& key) {
  const std::string* found = find(key);
  return found ? *found : "";
}

std::int64_t Arguments::bytes(const std::string& key) {
  const std::string* text = find(key);
  if (!text) return 0;
  std::size_t digits = std::min(text->find_first_not_of("0123456789"), text->size());
  static const std::map<std::string, std::int64_t> units = {
      {"", 1}, {"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"KB", 1000}, {"MB", 1000000}};
  auto unit = units.find(text->substr(digits));
  std::int64_t value = 0;
  bool good = unit != units.end() && read(text->substr(0, digits), value) && value > 0 && value < (1 << 30);
  if (!good) wrong(key, *text, "bytes with a unit, like 5MiB");
  return value * unit->second;
}

void Arguments::refuse_rest() const {
  std::vector<std::string> known(known_.begin(), known_.end());
  for (const auto& [key, value] : values_) {
    if (known_.contains(key)) continue;
    std::string hint = did_you_mean(key, known);
    if (hint.empty()) hint = known.empty() ? ": it has none" : fmt::format(": it has {}", fmt::join(known, ", "));
    fail(ErrorKind::usage, "sync", "{} has no key '{}'{}", name_, key, hint);
  }
}

}  // namespace stint::dist
