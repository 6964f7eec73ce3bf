#include <stint/models/definition/definition_file.h>
#include <stint/runtime/closest.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <fstream>
#include <set>

namespace stint::models {

namespace {

constexpr std::size_t largest_file = 1 << 20;
constexpr std::size_t most_layers = 10000;
constexpr int most_nesting = 8;

bool is_name_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}

/// Names of layers become names of tensors, in files and in JSON.
std::string layer_name(LayerText& layer, const Place& place) {
  std::string name = layer.text("name");
  bool valid = !name.empty() && std::all_of(name.begin(), name.end(),
                                            [](char c) { return is_name_character(c) || c == '-' || c == '.'; });
  if (!valid) place.refuse("expected a name of letters, digits, '_', '-' and '.'");
  return name;
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0 || value > 1'000'000'000) return {};
  return value;
}

/// `4*16/2`, from left to right.
std::optional<std::int64_t> calculated(std::string_view text) {
  std::int64_t result = 1;
  char operation = '*';
  while (true) {
    std::size_t end = std::min(text.find_first_of("*/"), text.size());
    auto term = whole_number(text.substr(0, end));
    if (!term || (operation == '/' && (*term == 0 || result % *term != 0))) return {};
    result = operation == '*' ? result * *term : result / *term;
    if (result > 1'000'000'000) return {};
    if (end == text.size()) return result;
    operation = text[end];
    text.remove_prefix(end + 1);
  }
}

/// Unrolls the list of layers.
class Reader {
 public:
  explicit Reader(const ModelSpec& spec) : spec_(spec), file_(spec.name) {}

  Definition read() {
    YAML::Node root = load();
    refuse_other_keys(root, {"parameters", "layers"});
    Scope scope{.prefix = "", .values = values_of(root), .input = -1};
    definition_.output = expand(root["layers"], scope, at(root), 0);
    resolve_inputs();
    return std::move(definition_);
  }

 private:
  struct Scope {
    std::string prefix;  // of names: "", "layer1.0."
    Values values;
    int input;  // what `in` means
  };

  /// An input as it is written, until all layers are known.
  struct Wanted {
    int layer;
    std::string name;
    std::string prefix;
    int in;
  };

  Place at(const YAML::Node& node, const std::string& layer = "") const {
    return {file_, node.Mark().is_null() ? 0 : node.Mark().line + 1, layer};
  }

  YAML::Node load() const {
    std::ifstream stream(file_, std::ios::binary);
    std::string text(largest_file + 1, '\0');
    stream.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!stream.is_open() || stream.bad()) fail(ErrorKind::usage, "model", "cannot read {}", file_);
    text.resize(static_cast<std::size_t>(stream.gcount()));
    if (text.size() > largest_file) fail(ErrorKind::usage, "model", "{} is larger than 1 MiB", file_);
    try {
      std::vector<YAML::Node> documents = YAML::LoadAll(text);
      if (documents.size() > 1) at(documents[1]).refuse("did not expect a second document");
      YAML::Node root = documents.empty() ? YAML::Node() : documents[0];
      if (!root.IsMap() || !root["layers"]) fail(ErrorKind::usage, "model", "{}: expected a list `layers:`", file_);
      return root;
    } catch (const YAML::Exception& error) {
      throw Error(ErrorKind::usage, fmt::format("{}:{}: is not YAML: {}", file_, error.mark.line + 1, error.msg));
    }
  }

  void refuse_other_keys(const YAML::Node& map, const std::vector<std::string>& known) const {
    std::set<std::string> seen;
    for (const auto& entry : map) {
      std::string key = entry.first.Scalar();
      if (!seen.insert(key).second) at(entry.first).refuse("'{}' is there twice", key);
      if (std::find(known.begin(), known.end(), key) != known.end()) continue;
      at(entry.first).refuse("there is no key '{}' here{}", key, did_you_mean(key, known));
    }
  }

  Values values_of(const YAML::Node& root) const {
    Values values = {{"classes", std::to_string(spec_.num_classes)},
                     {"channels", std::to_string(spec_.channels)},
                     {"image_size", std::to_string(spec_.image_size)}};
    const YAML::Node parameters = root["parameters"];
    if (parameters && !parameters.IsMap()) at(parameters).refuse("expected parameters as `name: value` lines");
    std::vector<std::string> known;
    for (const auto& entry : parameters) {
      std::string key = entry.first.Scalar();
      if (!entry.second.IsScalar() || values.contains(key)) {
        at(entry.first).refuse("expected a parameter with one value and a name of its own, got '{}'", key);
      }
      values[key] = entry.second.Scalar();
      known.push_back(key);
    }
    for (const auto& [key, value] : spec_.kwargs) {
      if (std::find(known.begin(), known.end(), key) == known.end()) {
        fail(ErrorKind::usage, file_, "takes no keyword argument '{}'{}", key, did_you_mean(key, known));
      }
      values[key] = value;
    }
    return values;
  }

  /// Returns the layer whose output is the list's.
  int expand(const YAML::Node& list, const Scope& scope, const Place& place, int depth) {
    if (!list.IsSequence() || list.size() == 0) place.refuse("expected a list of layers");
    if (depth > most_nesting) place.refuse("expected at most {} levels", most_nesting);
    int previous = scope.input;
    for (const YAML::Node& item : list) {
      if (!item.IsMap()) at(item).refuse("expected a layer like `{{name: conv1, kind: conv, ...}}`");
      previous = item["layers"] ? expand_group(item, scope, previous, depth) : add_layer(item, scope, previous);
    }
    return previous;
  }

  int expand_group(const YAML::Node& item, const Scope& scope, int previous, int depth) {
    refuse_other_keys(item, {"name", "repeat", "from", "layers", "output"});
    LayerText text(item, scope.values, at(item));
    std::int64_t count = text.integer("repeat", 1), from = text.integer("from", 0, 0);
    for (std::int64_t i = from; i < from + count; ++i) {
      Scope inner{.prefix = "", .values = scope.values, .input = previous};
      inner.values["i"] = std::to_string(i);
      LayerText named(item, inner.values, at(item));
      inner.prefix = scope.prefix + layer_name(named, at(item)) + ".";
      previous = expand(item["layers"], inner, at(item), depth + 1);
      if (item["output"]) previous = find(named.text("output"), inner.prefix, inner.input, at(item));
    }
    return previous;
  }

  int add_layer(const YAML::Node& item, const Scope& scope, int previous) {
    LayerText unnamed(item, scope.values, at(item));
    std::string name = scope.prefix + layer_name(unnamed, at(item));
    Place place = at(item, name);
    int index = static_cast<int>(definition_.layers.size());
    if (!places_.emplace(name, index).second) place.refuse("there are two layers of this name");
    if (definition_.layers.size() == most_layers) place.refuse("expected at most {} layers", most_layers);
    LayerText text(item, scope.values, place);
    text.text("name");
    std::string kind = text.text("kind");
    DefinedLayer layer{name, kind, {}, std::move(text)};
    std::vector<std::string> inputs = layer.text.list("inputs");
    for (const std::string& input : inputs) wanted_.push_back({index, input, scope.prefix, scope.input});
    if (inputs.empty()) layer.inputs = {previous};
    definition_.layers.push_back(std::move(layer));
    return index;
  }

  void resolve_inputs() {
    for (const Wanted& w : wanted_) {
      DefinedLayer& layer = definition_.layers[w.layer];
      layer.inputs.push_back(find(w.name, w.prefix, w.in, layer.text.place()));
    }
  }

  /// A name is looked for in the group, then in those around it; `in` is what comes into the group.
  int find(const std::string& name, std::string prefix, int in, const Place& place) const {
    if (name == "in") return in;
    while (true) {
      auto found = places_.find(prefix + name);
      if (found != places_.end()) return found->second;
      if (prefix.empty()) break;
      std::size_t dot = prefix.rfind('.', prefix.size() - 2);
      prefix.resize(dot == std::string::npos || prefix.size() < 2 ? 0 : dot + 1);
    }
    std::vector<std::string> known;
    for (const auto& [full, index] : places_) known.push_back(full);
    place.refuse("there is no layer '{}'{}", name, did_you_mean(name, known));
  }

  const ModelSpec& spec_;
  std::string file_;
  Definition definition_;
  std::map<std::string, int> places_;
  std::vector<Wanted> wanted_;
};

}  // namespace

std::string Place::text() const {
  std::string where = line > 0 ? fmt::format("{}:{}", file, line) : file;
  return layer.empty() ? where : fmt::format("{}: layer '{}'", where, layer);
}

std::string substituted(const std::string& text, const Values& values, const Place& place) {
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] != '$') {
      result += text[i++];
      continue;
    }
    std::size_t end = i + 1;
    while (end < text.size() && is_name_character(text[end])) ++end;
    std::string name = text.substr(i + 1, end - i - 1);
    auto found = values.find(name);
    if (found == values.end()) {
      std::vector<std::string> known;
      for (const auto& [key, value] : values) known.push_back(key);
      place.refuse("there is no parameter '${}'{}", name, did_you_mean(name, known));
    }
    result += found->second;
    i = end;
  }
  return result;
}

std::optional<std::string> LayerText::value(const std::string& key) {
  known_.push_back(key);
  const YAML::Node found = std::as_const(node_)[key];
  if (!found) return {};
  if (!found.IsScalar()) place_.refuse("expected {} to be one value", key);
  return substituted(found.Scalar(), values_, place_);
}

std::int64_t LayerText::integer(const std::string& key, std::optional<std::int64_t> fallback, std::int64_t lowest) {
  auto text = value(key);
  if (!text && fallback) return *fallback;
  if (!text) place_.refuse("expected a key '{}'", key);
  auto number = calculated(*text);
  if (!number || *number < lowest) {
    place_.refuse("expected {} to be an integer of at least {}, got '{}'", key, lowest, *text);
  }
  return *number;
}

double LayerText::number(const std::string& key, double fallback) {
  auto text = value(key);
  if (!text) return fallback;
  double result = 0;
  auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), result);
  if (error != std::errc{} || end != text->data() + text->size() || !(result >= 0 && result <= 1e6)) {
    place_.refuse("expected {} to be a number of at least 0, got '{}'", key, *text);
  }
  return result;
}

bool LayerText::flag(const std::string& key) {
  auto text = value(key);
  if (text && *text != "true" && *text != "false") {
    place_.refuse("expected {} to be true or false, got '{}'", key, *text);
  }
  return text == "true";
}

std::string LayerText::text(const std::string& key, const std::optional<std::string>& fallback) {
  auto found = value(key);
  if (!found && !fallback) place_.refuse("expected a key '{}'", key);
  return found ? *found : *fallback;
}

std::vector<std::string> LayerText::list(const std::string& key) {
  const YAML::Node found = std::as_const(node_)[key];
  if (!found || found.IsScalar()) {
    auto single = value(key);
    return single ? std::vector{*single} : std::vector<std::string>{};
  }
  known_.push_back(key);
  std::vector<std::string> texts;
  for (const YAML::Node& item : found) {
    if (!item.IsScalar()) place_.refuse("expected {} to be a list of names", key);
    texts.push_back(substituted(item.Scalar(), values_, place_));
  }
  return texts;
}

void LayerText::finish() const {
  std::set<std::string> seen;
  for (const auto& entry : node_) {
    std::string key = entry.first.Scalar();
    if (!seen.insert(key).second) place_.refuse("'{}' is there twice", key);
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    place_.refuse("there is no key '{}' here{}", key, did_you_mean(key, known_));
  }
}

Definition read_definition(const ModelSpec& spec) {
  try {
    return Reader(spec).read();
  } catch (const YAML::Exception& error) {
    throw Error(ErrorKind::usage, fmt::format("{}:{}: {}", spec.name, error.mark.line + 1, error.msg));
  }
}

}  // namespace stint::models
