#include <fmt/format.h>
#include <stint/tools/config/options.h>

namespace stint {

namespace {

/// A double-quoted YAML scalar, so that no text is taken for something else.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string keywords_text(const KeywordMap& keywords) {
  std::string text;
  for (const auto& [key, value] : keywords) text += fmt::format("\n    {}: {}", quoted(key), quoted(value));
  return text.empty() ? "{}" : text;
}

std::string yaml_value(const Option& option, const Config& config) {
  OptionSlot slot = option.slot(const_cast<Config&>(config));  // only read
  if (auto* keywords = std::get_if<KeywordMap*>(&slot)) return keywords_text(**keywords);
  if (auto* text = std::get_if<std::string*>(&slot)) return quoted(**text);
  return value_text(option, config);
}

}  // namespace

std::string to_yaml(const Config& config) {
  std::string text, section;
  for (const Option& option : options()) {
    if (option.section() != section) text += fmt::format("{}:\n", section = option.section());
    text += fmt::format("{}{}: {}\n", section.empty() ? "" : "  ", option.name(), yaml_value(option, config));
  }
  return text;
}

std::vector<std::string> differences(const Config& before, const Config& now) {
  std::vector<std::string> found;
  for (const Option& option : options()) {
    std::string was = yaml_value(option, before), is = yaml_value(option, now);
    bool trains = option.section() != "log" && option.section() != "" && option.key != "data.loader_threads";
    if (was != is && (trains || option.key == "seed" || option.key == "amp")) {
      found.push_back(fmt::format("{} was {}, is {}", option.key, was, is));
    }
  }
  return found;
}

}  // namespace stint
