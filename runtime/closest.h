#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stint {

/// `: did you mean 'x'?` for the known name closest to `given` in edits, or an empty text if none is close.
std::string did_you_mean(std::string_view given, const std::vector<std::string>& known);

}  // namespace stint
