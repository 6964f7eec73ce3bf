#include <fmt/format.h>
#include <stint/runtime/closest.h>
#include <stint/runtime/error.h>
#include <stint/tools/config/options.h>
#include <stint/tools/config/printable.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

namespace stint {

namespace {

constexpr std::size_t largest_file = 1 << 20;

/// Reads the parser's events as they come and refuses the first that has no place here: nothing is built that a hostile
/// file could make large, and the parser never goes deeper than a section's keyword arguments. Every scalar is a text:
/// the table of options does the typing, so YAML's own surprises (yes, 0o17, 1:30) do not happen.
class Reader : public YAML::EventHandler {
 public:
  Reader(Config& config, std::string path) : config_(config), path_(std::move(path)) {}

  std::string place(const YAML::Mark& mark) const {
    return mark.is_null() ? path_ : fmt::format("{}:{}:{}", path_, mark.line + 1, mark.column + 1);
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (std::exchange(started_, true)) refuse(mark, "did not expect a second document");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_extras(mark, "", anchor);
    if (expects_key()) refuse(mark, "expected a key");
    bool empty_map = levels_.empty() || is_map(key_);  // an empty file, a section without entries
    if (!empty_map) set_option(config_, key_, "", place(mark));
    key_.clear();
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_extras(mark, tag, anchor);
    if (expects_key()) return take_key(mark, value);
    if (levels_.empty() || is_map(key_)) expected_map(mark);
    set_option(config_, key_, value, place(mark));
    key_.clear();
  }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    refuse_extras(mark, tag, anchor);
    if (expects_key()) refuse(mark, "expected a key");
    if (!levels_.empty() && !is_map(key_)) refuse(mark, fmt::format("{}: expected one value", printable(key_)));
    levels_.push_back({levels_.empty() ? "" : key_ + ".", {}});
    key_.clear();
  }
  void OnMapEnd() override { levels_.pop_back(); }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    if (expects_key()) refuse(mark, "expected a key");
    if (levels_.empty() || is_map(key_)) expected_map(mark);
    refuse(mark, fmt::format("{}: expected one value, not a list", printable(key_)));
  }
  void OnSequenceEnd() override {}

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse(mark, "aliases (*) are not used here"); }

 private:
  struct Level {
    std::string prefix;  // of its keys: "", "optim.", "model.kwargs."
    std::set<std::string> seen;
  };

  [[noreturn]] void refuse(const YAML::Mark& mark, const std::string& text) const {
    throw Error(ErrorKind::usage, place(mark) + ": " + text);
  }

  [[noreturn]] void expected_map(const YAML::Mark& mark) const {
    refuse(mark, fmt::format("expected `key: value` lines{}", key_.empty() ? "" : " under " + printable(key_)));
  }

  void refuse_extras(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) const {
    if (anchor != 0) refuse(mark, "anchors (&) are not used here");
    if (!tag.empty() && tag != "?" && tag != "!") refuse(mark, "tags (!) are not used here");
  }

  bool expects_key() const { return !levels_.empty() && key_.empty(); }

  bool is_keywords(const std::string& key) const {
    for (const Option& option : options()) {
      if (option.key == key) return option.holds<KeywordMap>();
    }
    return false;
  }

  bool is_section(const std::string& key) const {
    for (const Option& option : options()) {
      if (!key.empty() && option.section() == key) return true;
    }
    return false;
  }

  bool is_map(const std::string& key) const { return is_section(key) || is_keywords(key); }

  void take_key(const YAML::Mark& mark, const std::string& name) {
    Level& level = levels_.back();
    if (!level.seen.insert(name).second) refuse(mark, fmt::format("'{}' is there twice", printable(name)));
    key_ = level.prefix + name;
    if (levels_.size() == 1 && !is_section(name)) check_top(mark, name);
    if (levels_.size() == 2) option_of(key_, place(mark));
    if (levels_.size() == 3 && (name.empty() || name.find('=') != std::string::npos)) {
      refuse(mark, fmt::format("'{}' is no name of a keyword argument", printable(name)));
    }
  }

  void check_top(const YAML::Mark& mark, const std::string& name) const {
    std::set<std::string> heads;
    for (const Option& option : options()) {
      heads.insert(option.section().empty() ? option.key : option.section());
      if (option.key == name && !option.section().empty()) {
        refuse(mark, fmt::format("expected `{}:` and under it `{}:`, got '{}'", option.section(), option.name(), name));
      }
    }
    if (heads.contains(name)) return;
    std::string hint = did_you_mean(name, {heads.begin(), heads.end()});
    if (hint.empty()) hint = did_you_mean_option(name);
    refuse(mark, fmt::format("there is no section or option '{}'{}", printable(name), hint));
  }

  Config& config_;
  std::string path_;
  std::vector<Level> levels_;
  std::string key_;  // in full, while its value is awaited
  bool started_ = false;
};

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(largest_file + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (file.fail() && !file.eof())) {
    fail(ErrorKind::usage, "config", "cannot read {}: {}", printable(path), std::strerror(errno));
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > largest_file) {
    fail(ErrorKind::usage, "config", "{} has more than {} bytes", printable(path), largest_file);
  }
  return text;
}

}  // namespace

void read_yaml(Config& config, const std::string& path) {
  std::istringstream text(read_text(path));
  Reader reader(config, printable(path));
  try {
    YAML::Parser parser(text);
    while (parser.HandleNextDocument(reader)) continue;
  } catch (const YAML::Exception& error) {
    fail(ErrorKind::usage, reader.place(error.mark), "is not YAML: {}", error.msg);
  }
}

}  // namespace stint
