#pragma once

#include <functional>
#include <optional>
#include <string>

namespace stint::reproduce {

/// A figure in a text: `{loss(vrl)}`, `{loss(local) / loss(vrl)}`, `{top1(a) - top1(b)}`; `:3` before the closing brace
/// asks for so many digits behind the point.
struct Mention {
  std::string column, row;
  std::string operation;  ///< empty, "/" or "-"
  std::string other_column, other_row;
  int digits = -1;  ///< -1: the column's; of a quotient 1
};

/// Nothing for what is no mention; `text` is without the braces.
std::optional<Mention> parse_mention(const std::string& text);

/// The text with every `{...}` replaced by what `by` makes of that between the braces.
std::string replace_mentions(const std::string& text, const std::function<std::string(const std::string&)>& by);

}  // namespace stint::reproduce
