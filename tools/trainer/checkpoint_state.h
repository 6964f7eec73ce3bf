#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

/// state.json, which guards a checkpoint: it has the size and the checksum of every other file, and its own checksum.
namespace stint {

constexpr int checkpoint_version = 2;

/// The file's text, with its checksum.
std::string checkpoint_state_text(nlohmann::ordered_json state);

/// The inverse; `name` is for errors (ErrorKind::data): another byte than was written, another version, files that are
/// not stated in full.
nlohmann::ordered_json parse_checkpoint_state(const std::string& text, const std::string& name);

nlohmann::ordered_json read_checkpoint_state(const std::filesystem::path& file);

/// Errors (ErrorKind::data), naming the file: one that is missing, or was changed since it was saved, by a bit or by
/// its end.
void verify_checkpoint(const std::filesystem::path& directory);

}  // namespace stint
