#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace stint {

/// `6GiB`, `9.39MiB`: a number, not 0, with KiB to TiB or KB to TB (rounded down to whole bytes), or an integer
/// with B or without a unit. Nothing for another text or more than 64 bits.
std::optional<std::uint64_t> read_byte_size(std::string_view text);

}  // namespace stint
