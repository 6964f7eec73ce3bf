#pragma once

#include <stint/runtime/error.h>
#include <yaml-cpp/yaml.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace stint::reproduce {

/// A map of a YAML file whose keys are asked for one by one; by the time of `finish` every one must have been. Errors
/// (ErrorKind::usage) name file and line.
class YamlBlock {
 public:
  /// Errors: cannot be read, not YAML, no map.
  static YamlBlock read_file(const std::string& path);

  bool has(const std::string& key);
  std::string text(const std::string& key, const std::optional<std::string>& otherwise = {});
  double number(const std::string& key, std::optional<double> otherwise = {});
  /// From 0 on.
  std::int64_t whole(const std::string& key, std::int64_t otherwise);
  /// One value or a list of them; empty without the key.
  std::vector<std::string> texts(const std::string& key);
  std::vector<double> numbers(const std::string& key);
  std::vector<std::int64_t> wholes(const std::string& key);
  YamlBlock block(const std::string& key);
  /// The maps of a list; empty without the key.
  std::vector<YamlBlock> blocks(const std::string& key);
  /// The keys of the map under `key`, in the order of the file, each with its map or value; empty without the key.
  std::vector<std::pair<std::string, YamlBlock>> named_blocks(const std::string& key);
  std::vector<std::pair<std::string, std::string>> named_texts(const std::string& key);
  std::vector<std::pair<std::string, double>> named_numbers(const std::string& key);

  void finish() const;

  template <typename... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) const {
    refuse_at(node_, fmt::format(text, std::forward<Args>(args)...));
  }

 private:
  YamlBlock(YAML::Node node, std::string file);
  /// The value, which may be undefined.
  YAML::Node find(const std::string& key);
  std::string scalar(const YAML::Node& node, const std::string& key) const;
  double number_of(const std::string& text, const YAML::Node& node, const std::string& key) const;
  std::int64_t whole_of(double value, const std::string& key) const;
  [[noreturn]] void refuse_at(const YAML::Node& node, const std::string& text) const;

  YAML::Node node_;
  std::string file_;
  std::vector<std::string> known_;
};

}  // namespace stint::reproduce
