#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace stint {

/// `6GiB`, `512MiB`: an integer, not 0, with B, KiB, MiB, GiB, KB, MB, GB or without a unit for bytes. Nothing for
/// another text or more than 64 bits.
std::optional<std::uint64_t> read_byte_size(std::string_view text);

}  // namespace stint
