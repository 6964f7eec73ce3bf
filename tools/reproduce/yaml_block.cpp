#include <fmt/format.h>
#include <stint/runtime/closest.h>
#include <stint/tools/config/printable.h>
#include <stint/tools/reproduce/yaml_block.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

namespace stint::reproduce {

YamlBlock::YamlBlock(YAML::Node node, std::string file) : node_(std::move(node)), file_(std::move(file)) {
  if (!node_.IsMap()) refuse("expected `key: value` lines");
  std::set<std::string> seen;
  for (const auto& entry : node_) {
    std::string key = scalar(entry.first, "key");
    if (!seen.insert(key).second) refuse_at(entry.first, fmt::format("'{}' is there twice", printable(key)));
  }
}

YamlBlock YamlBlock::read_file(const std::string& path) {
  try {
    return {YAML::LoadFile(path), path};
  } catch (const YAML::BadFile&) {
    fail(ErrorKind::usage, "reproduce", "cannot read {}", path);
  } catch (const YAML::Exception& error) {
    fail(ErrorKind::usage, fmt::format("{}:{}", path, error.mark.line + 1), "is not YAML: {}", error.msg);
  }
}

void YamlBlock::refuse_at(const YAML::Node& node, const std::string& text) const {
  throw Error(ErrorKind::usage, fmt::format("{}:{}: {}", file_, node.Mark().line + 1, text));
}

YAML::Node YamlBlock::find(const std::string& key) {
  known_.push_back(key);
  return std::as_const(node_)[key];
}

bool YamlBlock::has(const std::string& key) {
  return find(key).IsDefined();
}

std::string YamlBlock::scalar(const YAML::Node& node, const std::string& key) const {
  if (!node.IsScalar()) refuse_at(node, fmt::format("{}: expected one value", printable(key)));
  if (!is_printable(node.Scalar())) refuse_at(node, fmt::format("{}: expected printable text", printable(key)));
  return node.Scalar();
}

double YamlBlock::number_of(const std::string& text, const YAML::Node& node, const std::string& key) const {
  double value = 0;
  auto [after, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc{} && after == text.data() + text.size() && std::isfinite(value)) return value;
  refuse_at(node, fmt::format("{} is '{}', expected a number", printable(key), printable(text)));
}

std::string YamlBlock::text(const std::string& key, const std::optional<std::string>& otherwise) {
  YAML::Node node = find(key);
  if (node.IsDefined()) return scalar(node, key);
  if (!otherwise) refuse("expected `{}:`", key);
  return *otherwise;
}

double YamlBlock::number(const std::string& key, std::optional<double> otherwise) {
  YAML::Node node = find(key);
  if (!node.IsDefined() && otherwise) return *otherwise;
  return number_of(text(key), node, key);
}

std::int64_t YamlBlock::whole_of(double value, const std::string& key) const {
  constexpr double largest = 1e15;
  if (value == std::floor(value) && value >= 0 && value <= largest) return static_cast<std::int64_t>(value);
  refuse("{} is {}, expected a whole number", printable(key), value);
}

std::int64_t YamlBlock::whole(const std::string& key, std::int64_t otherwise) {
  return whole_of(number(key, static_cast<double>(otherwise)), key);
}

std::vector<std::int64_t> YamlBlock::wholes(const std::string& key) {
  std::vector<std::int64_t> found;
  for (double value : numbers(key)) found.push_back(whole_of(value, key));
  return found;
}

std::vector<std::string> YamlBlock::texts(const std::string& key) {
  YAML::Node node = find(key);
  if (!node.IsDefined()) return {};
  if (!node.IsSequence()) return {scalar(node, key)};
  std::vector<std::string> found;
  for (const auto& item : node) found.push_back(scalar(item, key));
  return found;
}

std::vector<double> YamlBlock::numbers(const std::string& key) {
  std::vector<double> found;
  for (const std::string& text : texts(key)) found.push_back(number_of(text, find(key), key));
  return found;
}

YamlBlock YamlBlock::block(const std::string& key) {
  YAML::Node node = find(key);
  if (!node.IsDefined()) refuse("expected `{}:`", key);
  return {node, file_};
}

std::vector<YamlBlock> YamlBlock::blocks(const std::string& key) {
  YAML::Node node = find(key);
  std::vector<YamlBlock> found;
  if (!node.IsDefined()) return found;
  if (!node.IsSequence()) refuse_at(node, fmt::format("{}: expected a list", key));
  for (const auto& item : node) found.push_back(YamlBlock(item, file_));
  return found;
}

std::vector<std::pair<std::string, YamlBlock>> YamlBlock::named_blocks(const std::string& key) {
  std::vector<std::pair<std::string, YamlBlock>> found;
  if (!has(key)) return found;
  for (const auto& entry : block(key).node_) {
    found.emplace_back(entry.first.Scalar(), YamlBlock(entry.second, file_));
  }
  return found;
}

std::vector<std::pair<std::string, std::string>> YamlBlock::named_texts(const std::string& key) {
  std::vector<std::pair<std::string, std::string>> found;
  if (!has(key)) return found;
  for (const auto& entry : block(key).node_) {
    found.emplace_back(entry.first.Scalar(), scalar(entry.second, entry.first.Scalar()));
  }
  return found;
}

std::vector<std::pair<std::string, double>> YamlBlock::named_numbers(const std::string& key) {
  std::vector<std::pair<std::string, double>> found;
  for (const auto& [name, text] : named_texts(key)) found.emplace_back(name, number_of(text, find(key), name));
  return found;
}

void YamlBlock::finish() const {
  for (const auto& entry : node_) {
    const std::string& key = entry.first.Scalar();
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    refuse_at(entry.first, fmt::format("there is no key '{}'{}", printable(key), did_you_mean(key, known_)));
  }
}

}  // namespace stint::reproduce
