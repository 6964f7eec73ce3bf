#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace stint {

/// CRC-32C (Castagnoli), as in RFC 3720.
std::uint32_t crc32c(std::string_view data);

/// A TensorBoard event file of scalars. Errors: cannot be written.
class EventFile {
 public:
  /// Begins a file, in the place of one that is there.
  explicit EventFile(const std::filesystem::path& path);

  void add(double wall_time, std::int64_t step, std::string_view tag, float value);
  void flush();

 private:
  void write(const std::string& event);

  std::filesystem::path path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

}  // namespace stint
