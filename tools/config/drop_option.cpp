#include <stint/tools/config/drop_option.h>

#include <charconv>

namespace stint {

namespace {

/// The pieces of a text between separators; an empty text has one, which is empty.
std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> pieces = {""};
  for (char c : text) {
    if (c == separator) {
      pieces.emplace_back();
    } else {
      pieces.back() += c;
    }
  }
  return pieces;
}

template <typename Number>
bool read_number(const std::string& text, Number& value) {
  const char* end = text.data() + text.size();
  auto [after, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && after == end;
}

bool read_strategy(const std::string& text, DropStrategy& strategy) {
  const std::map<std::string, DropStrategy> known = {{"mink", DropStrategy::mink},
                                                     {"random", DropStrategy::random},
                                                     {"nsigma", DropStrategy::nsigma},
                                                     {"sampled", DropStrategy::sampled}};
  auto found = known.find(text);
  if (found == known.end()) return false;
  strategy = found->second;
  return true;
}

/// `0.9`, or `0.5/0.9@5/0.7@80`: what holds from the first epoch, from epoch 5, from epoch 80.
bool read_gammas(const std::string& text, std::map<std::int64_t, double>& gammas) {
  gammas.clear();
  for (const std::string& piece : split(text, '/')) {
    std::size_t at = piece.find('@');
    std::int64_t epoch = 0;
    auto gamma = read_gamma(piece.substr(0, at));
    if (!gamma || (at != std::string::npos && !read_number(piece.substr(at + 1), epoch))) return false;
    bool first = gammas.empty(), in_order = first ? epoch == 0 : epoch > gammas.rbegin()->first;
    if (!in_order) return false;
    gammas[epoch] = *gamma;
  }
  return true;
}

bool read_operators(const std::string& text, std::vector<std::string>& operators) {
  operators.clear();
  for (const std::string& piece : split(text, '+')) {
    if (piece != "conv" && piece != "linear") return false;
    operators.push_back(piece == "conv" ? "conv2d" : piece);
  }
  return true;
}

bool read_index(const std::string& text, std::optional<DropIndex>& index) {
  index.reset();
  if (text == "bitmask") index = DropIndex::bitmask;
  if (text == "int32") index = DropIndex::int32;
  return index || text == "auto";
}

bool read_argument(const std::string& text, DropOption& option) {
  std::size_t equals = text.find('=');
  if (equals == std::string::npos) return false;
  std::string key = text.substr(0, equals), value = text.substr(equals + 1);
  if (value.empty()) return false;
  if (key == "gamma") return read_gammas(value, option.gammas);
  if (key == "layers") return read_operators(value, option.operators);
  if (key == "index") return read_index(value, option.index);
  if (key != "exclude") return false;
  option.excluded = split(value, '+');
  return true;
}

}  // namespace

std::optional<double> read_gamma(const std::string& text) {
  double gamma = 0;
  if (!read_number(text, gamma) || !(gamma >= 0 && gamma < 1)) return {};
  return gamma;
}

std::optional<DropOption> read_drop(const std::string& text) {
  std::size_t colon = text.find(':');
  DropOption option;
  if (!read_strategy(text.substr(0, colon), option.strategy)) return {};
  if (colon == std::string::npos) return option;
  for (const std::string& argument : split(text.substr(colon + 1), ',')) {
    if (!read_argument(argument, option)) return {};
  }
  return option;
}

}  // namespace stint
