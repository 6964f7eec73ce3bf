#include <stint/runtime/closest.h>
#include <stint/tools/config/drop_option.h>

#include <algorithm>
#include <charconv>
#include <set>

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

/// Thrown on the way: what was expected.
struct Fault {
  std::string expected;
};

template <typename Number>
bool read_number(const std::string& text, Number& value) {
  const char* end = text.data() + text.size();
  auto [after, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && after == end;
}

DropStrategy read_strategy(const std::string& text) {
  const std::map<std::string, DropStrategy> known = {{"mink", DropStrategy::mink},
                                                     {"random", DropStrategy::random},
                                                     {"nsigma", DropStrategy::nsigma},
                                                     {"sampled", DropStrategy::sampled}};
  auto found = known.find(text);
  if (found != known.end()) return found->second;
  throw Fault{"mink, random, nsigma or sampled first" + did_you_mean(text, {"mink", "random", "nsigma", "sampled"})};
}

/// `0.9`, or `0.5/0.9@5/0.7@80`: what holds from the first epoch, from epoch 5, from epoch 80.
std::map<std::int64_t, double> read_gammas(const std::string& text) {
  std::map<std::int64_t, double> gammas;
  for (const std::string& piece : split(text, '/')) {
    std::size_t at = piece.find('@');
    std::int64_t epoch = 0;
    auto gamma = read_gamma(piece.substr(0, at));
    if (!gamma) throw Fault{"gamma= a number from 0 to below 1, such as 0.9, or numbers by epoch, 0.5/0.9@5"};
    bool whole = at == std::string::npos || read_number(piece.substr(at + 1), epoch);
    bool first = gammas.empty(), in_order = first ? epoch == 0 : epoch > gammas.rbegin()->first;
    if (!whole || !in_order) throw Fault{"gamma='s epochs to grow, the first without one: 0.5/0.9@5"};
    gammas[epoch] = *gamma;
  }
  return gammas;
}

std::vector<std::string> read_operators(const std::string& text) {
  std::vector<std::string> operators;
  for (const std::string& piece : split(text, '+')) {
    if (piece != "conv" && piece != "linear") throw Fault{"layers=conv, linear or conv+linear"};
    operators.push_back(piece == "conv" ? "conv2d" : piece);
  }
  return operators;
}

std::optional<DropIndex> read_index(const std::string& text) {
  if (text == "bitmask") return DropIndex::bitmask;
  if (text == "int32") return DropIndex::int32;
  if (text != "auto") throw Fault{"index=auto, bitmask or int32"};
  return {};
}

void read_argument(const std::string& key, const std::string& value, DropOption& option) {
  if (key == "gamma") {
    option.gammas = read_gammas(value);
  } else if (key == "layers") {
    option.operators = read_operators(value);
  } else if (key == "index") {
    option.index = read_index(value);
  } else if (key == "exclude" && !value.empty()) {
    option.excluded = split(value, '+');
  } else {
    throw Fault{"gamma=, layers=, exclude= or index= behind the colon" +
                did_you_mean(key, {"gamma", "layers", "exclude", "index"})};
  }
}

DropOption read(const std::string& text) {
  std::size_t colon = text.find(':');
  DropOption option{.strategy = read_strategy(text.substr(0, colon))};
  if (colon == std::string::npos) return option;
  std::set<std::string> seen;
  for (const std::string& argument : split(text.substr(colon + 1), ',')) {
    std::size_t equals = std::min(argument.find('='), argument.size());
    std::string key = argument.substr(0, equals), value = argument.substr(std::min(equals + 1, argument.size()));
    if (!seen.insert(key).second) throw Fault{key + "= once"};
    read_argument(key, value, option);
  }
  return option;
}

}  // namespace

std::optional<double> read_gamma(const std::string& text) {
  double gamma = 0;
  if (!read_number(text, gamma) || !(gamma >= 0 && gamma < 1)) return {};
  return gamma;
}

std::optional<DropOption> read_drop(const std::string& text) {
  try {
    return read(text);
  } catch (const Fault&) {
    return {};
  }
}

std::string drop_fault(const std::string& text) {
  try {
    read(text);
    return "";
  } catch (const Fault& fault) {
    return fault.expected + ", as in " + drop_example;
  }
}

}  // namespace stint
