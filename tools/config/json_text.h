#pragma once

#include <string>

namespace stint {

/// JSON with texts from outside, such as names of files. `dump` alone throws at bytes that are not UTF-8; here each is
/// replaced by U+FFFD.
template <typename Json>
std::string json_text(const Json& json, int indent = -1) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace stint
