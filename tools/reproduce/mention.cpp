#include <stint/tools/reproduce/mention.h>

#include <algorithm>
#include <regex>

namespace stint::reproduce {

std::optional<Mention> parse_mention(const std::string& text) {
  static const std::string figure = "([a-z0-9_]+)\\(([^(){}]+)\\)";
  static const std::regex form(figure + "(?: ?([/-]) ?" + figure + ")?(?::([0-9]))?");
  std::smatch part;
  if (!std::regex_match(text, part, form)) return {};
  Mention mention{part[1], part[2], part[3], part[4], part[5]};
  if (part[6].matched) mention.digits = std::stoi(part[6]);
  return mention;
}

std::string replace_mentions(const std::string& text, const std::function<std::string(const std::string&)>& by) {
  std::string replaced;
  std::size_t done = 0;
  for (std::size_t open = text.find('{'); open != std::string::npos; open = text.find('{', done)) {
    std::size_t close = std::min(text.find('}', open), text.size());
    replaced += text.substr(done, open - done) + by(text.substr(open + 1, close - open - 1));
    done = std::min(close + 1, text.size());
  }
  return replaced + text.substr(done);
}

}  // namespace stint::reproduce
