#pragma once

#include <filesystem>
#include <string>

/// Small files written so that a crash leaves either the old or the new one.
namespace stint {

/// Writes beside the file, syncs, renames. Errors: cannot be written (the old file stays).
void write_file(const std::filesystem::path& path, const std::string& text);

/// Errors (ErrorKind::data): cannot be read.
std::string read_file(const std::filesystem::path& path);

/// Puts the directory `fresh` in the place of `target`, in one step where the file system can exchange names; what
/// stood there is removed afterwards.
void replace_directory(const std::filesystem::path& fresh, const std::filesystem::path& target);

/// Makes the names in a directory durable.
void sync_directory(const std::filesystem::path& directory);

}  // namespace stint
