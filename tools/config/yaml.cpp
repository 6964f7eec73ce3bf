#include <fmt/format.h>
#include <stint/runtime/closest.h>
#include <stint/runtime/error.h>
#include <stint/tools/config/options.h>
#include <yaml-cpp/yaml.h>

#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

namespace stint {

namespace {

constexpr std::size_t largest_file = 1 << 20;

/// Every scalar is a text here: the table of options does the typing, so YAML's own surprises (yes, 0o17, 1:30) do not
/// happen.
class Reader {
 public:
  Reader(Config& config, std::string path) : config_(config), path_(std::move(path)) {}

  void read(const std::string& text) {
    std::vector<YAML::Node> documents;
    try {
      documents = YAML::LoadAll(text);
    } catch (const YAML::Exception& error) {
      fail(ErrorKind::usage, place(error.mark), "is not YAML: {}", error.msg);
    }
    if (documents.empty() || documents[0].IsNull()) return;
    if (documents.size() > 1) fail(ErrorKind::usage, path_, "has {} documents, expected one", documents.size());
    for_entries(documents[0], [&](const std::string& key, const YAML::Node& value) { top(key, value); });
  }

 private:
  std::string place(const YAML::Mark& mark) const {
    return mark.is_null() ? path_ : fmt::format("{}:{}:{}", path_, mark.line + 1, mark.column + 1);
  }

  template <typename Body>
  void for_entries(const YAML::Node& map, const Body& body) {
    if (!map.IsMap()) fail(ErrorKind::usage, place(map.Mark()), "expected `key: value` lines");
    std::set<std::string> seen;
    for (const auto& entry : map) {
      if (!entry.first.IsScalar()) fail(ErrorKind::usage, place(entry.first.Mark()), "expected a plain key");
      const std::string& key = entry.first.Scalar();
      if (!seen.insert(key).second) fail(ErrorKind::usage, place(entry.first.Mark()), "'{}' is there twice", key);
      body(key, entry.second);
    }
  }

  void top(const std::string& key, const YAML::Node& value) {
    bool section = false;
    std::set<std::string> names;
    for (const Option& option : options()) {
      std::string head = option.key.substr(0, option.key.find('.'));
      section = section || (head == key && head != option.key);
      names.insert(head);
    }
    if (!names.contains(key)) {
      std::vector<std::string> known(names.begin(), names.end());
      fail(ErrorKind::usage, place(value.Mark()), "there is no section or option '{}'{}", key,
           did_you_mean(key, known));
    }
    if (!section) return set(key, value);
    if (value.IsNull()) return;
    for_entries(value, [&](const std::string& name, const YAML::Node& inner) { set(key + "." + name, inner); });
  }

  void set(const std::string& key, const YAML::Node& value) {
    std::string where = place(value.Mark());
    const Option& option = option_of(key, where);
    bool map = std::holds_alternative<std::map<std::string, std::string>*>(option.slot(config_));
    if (map && value.IsNull()) return;
    if (map) {
      for_entries(value, [&](const std::string& name, const YAML::Node& inner) {
        set_option(config_, key, name + "=" + scalar(name, inner), where);
      });
    } else {
      set_option(config_, key, scalar(key, value), where);
    }
  }

  std::string scalar(const std::string& key, const YAML::Node& value) const {
    if (value.IsNull()) return "";
    if (!value.IsScalar()) fail(ErrorKind::usage, place(value.Mark()), "{}: expected one value", key);
    return value.Scalar();
  }

  Config& config_;
  std::string path_;
};

/// A double-quoted YAML scalar.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string yaml_value(const Option& option, const Config& config) {
  OptionSlot slot = option.slot(const_cast<Config&>(config));  // only read
  if (std::holds_alternative<std::string*>(slot)) return quoted(value_text(option, config));
  if (!std::holds_alternative<std::map<std::string, std::string>*>(slot)) return value_text(option, config);
  std::string text;
  for (const auto& [key, value] : *std::get<std::map<std::string, std::string>*>(slot)) {
    text += fmt::format("\n    {}: {}", quoted(key), quoted(value));
  }
  return text.empty() ? "{}" : text;
}

}  // namespace

void read_yaml(Config& config, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(largest_file + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (file.fail() && !file.eof())) {
    fail(ErrorKind::usage, "config", "cannot read {}: {}", path, std::strerror(errno));
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > largest_file) fail(ErrorKind::usage, "config", "{} has more than {} bytes", path, largest_file);
  Reader(config, path).read(text);
}

std::string to_yaml(const Config& config) {
  std::string text, section;
  for (const Option& option : options()) {
    std::size_t dot = option.key.find('.');
    std::string head = dot == std::string::npos ? "" : option.key.substr(0, dot);
    std::string name = dot == std::string::npos ? option.key : option.key.substr(dot + 1);
    if (head != section) text += fmt::format("{}:\n", section = head);
    text += fmt::format("{}{}: {}\n", head.empty() ? "" : "  ", name, yaml_value(option, config));
  }
  return text;
}

}  // namespace stint
