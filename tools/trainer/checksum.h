#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace stint {

/// XXH3-128, as 32 hexadecimal digits: notices accidents, not malice.
std::string checksum_of(std::string_view data);

/// Of a file. Errors (ErrorKind::data): cannot be read.
std::string checksum_of_file(const std::filesystem::path& path);

}  // namespace stint
