#include <fmt/format.h>
#include <stint/runtime/closest.h>
#include <stint/runtime/error.h>
#include <stint/tools/config/options.h>
#include <stint/tools/config/printable.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace stint {

namespace {

[[noreturn]] void wrong(const Option& option, const std::string& text, const std::string& where,
                        const std::string& expected) {
  std::string found = text.empty() ? "has no value" : fmt::format("is '{}'", printable(text));
  fail(ErrorKind::usage, where, "{} {}, expected {}", option.key, found, expected);
}

std::string range_text(const Option& option, const char* kind) {
  bool low = std::isfinite(option.low), high = std::isfinite(option.high);
  if (low && high) return fmt::format("{} from {} to {}", kind, option.low, option.high);
  if (low) return fmt::format("{} of at least {}", kind, option.low);
  return kind;
}

std::string choice_text(const Option& option) {
  std::string text = "one of";
  for (const std::string& choice : option.choices) {
    text += fmt::format("{} {}", text.back() == 'f' ? "" : ",", choice.empty() ? "''" : choice);
  }
  return text;
}

/// Decimal only, and all of the text: no octal, no sexagesimal, no infinity.
template <typename Number>
void set_number(const Option& option, Number& value, const std::string& text, const std::string& where,
                const char* kind) {
  Number parsed{};
  const char* end = text.data() + text.size();
  auto [after, error] = std::from_chars(text.data(), end, parsed);
  auto real = static_cast<double>(parsed);
  bool good = error == std::errc{} && after == end && std::isfinite(real) && real >= option.low && real <= option.high;
  if (!good) wrong(option, text, where, range_text(option, kind));
  value = parsed;
}

struct Setter {
  const Option& option;
  const std::string& text;
  const std::string& where;

  void operator()(bool* value) const {
    if (text != "true" && text != "false") wrong(option, text, where, "true or false");
    *value = text == "true";
  }
  void operator()(std::int64_t* value) const { set_number(option, *value, text, where, "an integer"); }
  void operator()(double* value) const { set_number(option, *value, text, where, "a number"); }
  void operator()(std::string* value) const {
    const auto& choices = option.choices;
    if (!is_printable(text)) wrong(option, text, where, "UTF-8 without control characters");
    if (!choices.empty() && std::find(choices.begin(), choices.end(), text) == choices.end()) {
      wrong(option, text, where, choice_text(option) + did_you_mean(text, choices));
    }
    std::string expected = option.fault && !text.empty() ? option.fault(text) : "";
    if (!expected.empty()) wrong(option, text, where, expected);
    *value = text;
  }
  void operator()(KeywordMap* value) const {
    std::size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos) wrong(option, text, where, "key=value");
    if (!is_printable(text)) wrong(option, text, where, "UTF-8 without control characters");
    (*value)[text.substr(0, equals)] = text.substr(equals + 1);
  }
};

struct Printer {
  std::string operator()(const bool* value) const { return *value ? "true" : "false"; }
  std::string operator()(const std::int64_t* value) const { return std::to_string(*value); }
  std::string operator()(const double* value) const { return fmt::format("{}", *value); }  // shortest that reads back
  std::string operator()(const std::string* value) const { return *value; }
  std::string operator()(const KeywordMap*) const { return ""; }
};

std::string after_last_dot(const std::string& key) {
  return key.substr(key.rfind('.') + 1);  // npos + 1 is 0
}

}  // namespace

std::string Option::section() const {
  std::size_t dot = key.find('.');
  return dot == std::string::npos ? "" : key.substr(0, dot);
}

std::string Option::name() const {
  return after_last_dot(key);
}

std::string did_you_mean_option(const std::string& key) {
  std::vector<std::string> keys;
  for (const Option& option : options()) {
    if (option.name() == after_last_dot(key)) return fmt::format(": did you mean '{}'?", option.key);
    keys.push_back(option.key);
  }
  return did_you_mean(key, keys);
}

const Option& option_of(const std::string& key, const std::string& where) {
  for (const Option& option : options()) {
    if (option.key == key) return option;
  }
  fail(ErrorKind::usage, where, "there is no option '{}'{}", printable(key), did_you_mean_option(key));
}

void set_option(Config& config, const std::string& key, const std::string& text, const std::string& where) {
  for (const Option& option : options()) {
    if (!key.starts_with(option.key + ".") || !option.holds<KeywordMap>()) continue;
    return set_option(config, option.key, key.substr(option.key.size() + 1) + "=" + text, where);
  }
  const Option& option = option_of(key, where);
  std::visit(Setter{option, text, where}, option.slot(config));
}

std::string value_text(const Option& option, const Config& config) {
  return std::visit(Printer{}, option.slot(const_cast<Config&>(config)));  // the printer only reads
}

}  // namespace stint
