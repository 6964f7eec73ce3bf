#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace stint {

/// `0.5,0.25`: finite numbers with commas between them; nothing for another text.
std::optional<std::vector<double>> read_number_list(const std::string& text);

bool is_number_list(const std::string& text);

/// `LOW,HIGH` with 0 < LOW <= HIGH. Errors (ErrorKind::usage), naming `option`: another text.
std::pair<double, double> read_range(const std::string& text, const char* option);

}  // namespace stint
