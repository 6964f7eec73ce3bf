#pragma once

#include <stint/models/model.h>
#include <stint/runtime/error.h>
#include <yaml-cpp/yaml.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace stint::models {

/// Where something stands, for errors: "net.yaml:7: layer 'conv1'".
struct Place {
  std::string file;
  int line = 0;
  std::string layer;

  std::string text() const;

  template <typename... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    throw Error(ErrorKind::usage, text() + ": " + fmt::format(format, std::forward<Args>(args)...));
  }
};

/// The values that `$name` may stand for.
using Values = std::map<std::string, std::string>;

/// `text` with every `$name` replaced. Errors: a name that stands for nothing.
std::string substituted(const std::string& text, const Values& values, const Place& place);

/// One layer of a definition, repeats unrolled: its kind and its keys, read one by one; every key must be read by the
/// time of `finish`.
class LayerText {
 public:
  LayerText(YAML::Node node, Values values, Place place)
      : node_(std::move(node)), values_(std::move(values)), place_(std::move(place)) {}

  const Place& place() const { return place_; }

  /// A positive integer, or product or quotient of some: `$dim*3`. Errors: missing without a fallback.
  std::int64_t integer(const std::string& key, std::optional<std::int64_t> fallback = {}, std::int64_t lowest = 1);
  double number(const std::string& key, double fallback);
  bool flag(const std::string& key);
  std::string text(const std::string& key, const std::optional<std::string>& fallback = {});
  /// One text or a list of them; empty if the key is not there.
  std::vector<std::string> list(const std::string& key);
  bool has(const std::string& key) const { return node_[key].IsDefined(); }
  void finish() const;

 private:
  std::optional<std::string> value(const std::string& key);

  YAML::Node node_;
  Values values_;
  Place place_;
  std::vector<std::string> known_;
};

struct DefinedLayer {
  std::string name;  ///< full path
  std::string kind;
  std::vector<int> inputs;  ///< places in the list; -1 are the images
  LayerText text;
};

struct Definition {
  std::vector<DefinedLayer> layers;  ///< in the order of the file
  int output = -1;
};

/// Reads a file and unrolls its repeats. `spec.kwargs` replace values of its `parameters`; $classes, $channels and
/// $image_size come from `spec`.
Definition read_definition(const ModelSpec& spec);

}  // namespace stint::models
