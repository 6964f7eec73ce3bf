#pragma once

#include <stint/dist/traffic.h>
#include <stint/runtime/purpose.h>
#include <stint/tools/trainer/memory_json.h>
#include <stint/tools/trainer/training.h>

#include <string>

namespace stint {

/// Says it on standard error, which is not the report; nothing if it is empty.
void warn(const std::string& text);

/// `1.50 GiB`, `640 B`: for people; JSON carries plain bytes.
std::string human_bytes(std::size_t bytes);

/// `1.23 G`, `456 M`: thousands.
std::string human_count(double count);

/// `1.50 MiB (gradient 1.25 MiB, index 256 KiB)`: payload by purpose.
std::string traffic_text(const std::array<std::uint64_t, dist::payload_count>& bytes);

/// One line a purpose that is not zero.
std::string purpose_table(const PurposeBytes& bytes);

}  // namespace stint
