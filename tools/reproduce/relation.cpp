#include <stint/tools/reproduce/relation.h>

#include <cmath>
#include <cstdlib>
#include <regex>

namespace stint::reproduce {

std::optional<Relation> parse_relation(const std::string& text) {
  static const std::string number = "(-?[0-9]+(?:\\.[0-9]+)?(?:e-?[0-9]+)?)", term = "([a-z0-9_]+)\\(([^()]+)\\)";
  static const std::regex with_row(term + " (<=|>=|==) (?:" + number + " \\* )?" + term + "(?: ([+-]) " + number +
                                   ")?");
  static const std::regex with_number(term + " (<=|>=|==) " + number);
  Relation relation{.text = text};
  std::smatch part;
  auto read = [&](int i) { return std::strtod(part[i].str().c_str(), nullptr); };
  bool row = std::regex_match(text, part, with_row);
  if (!row && !std::regex_match(text, part, with_number)) return {};
  relation.left_column = part[1];
  relation.left_row = part[2];
  relation.comparison = part[3];
  if (!row) {
    relation.offset = read(4);
    return relation;
  }
  if (part[4].matched) relation.factor = read(4);
  relation.right_column = part[5];
  relation.right_row = part[6];
  if (part[7].matched) relation.offset = part[7] == "-" ? -read(8) : read(8);
  return relation;
}

bool holds(const Relation& relation, double left, double right) {
  double bound = relation.right_row.empty() ? relation.offset : relation.factor * right + relation.offset;
  if (std::isnan(left) || std::isnan(bound)) return false;
  return relation.comparison == "<=" ? left <= bound : relation.comparison == ">=" ? left >= bound : left == bound;
}

}  // namespace stint::reproduce
