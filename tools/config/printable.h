#pragma once

#include <string>
#include <string_view>

namespace stint {

/// Whether a text is UTF-8 without control characters, so that it can stand in a file name, a YAML file or a message.
bool is_printable(std::string_view text);

/// The text for a message: control characters and bytes that are not UTF-8 as `\x1b`, and no longer than `longest`
/// bytes of it.
std::string printable(std::string_view text, std::size_t longest = 80);

}  // namespace stint
