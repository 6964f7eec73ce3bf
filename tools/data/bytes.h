#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace stint {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

/// The whole file. Errors (ErrorKind::data): cannot be read, not a regular file, larger than `largest`.
Bytes read_bytes(const std::string& path, std::uint64_t largest = std::uint64_t{64} << 30);

/// What gzip or xz data holds, told by its first bytes; other data as it is. `name` is for errors (ErrorKind::data):
/// damaged, truncated, followed by other data, or more than `largest` bytes.
Bytes decompress(Bytes data, const std::string& name, std::uint64_t largest = std::uint64_t{8} << 30);

}  // namespace stint
