#pragma once

#include <string>
#include <string_view>

namespace stint {

/// `stint: ...` for standard error: at most three lines, nothing in them that a terminal would obey.
std::string error_text(std::string_view message);

}  // namespace stint
