#include <fmt/format.h>
#include <stint/runtime/error.h>
#include <stint/tools/trainer/checksum.h>
#include <xxhash.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

namespace stint {

namespace {

std::string text_of(XXH128_hash_t hash) {
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

}  // namespace

std::string checksum_of(std::string_view data) {
  return text_of(XXH3_128bits(data.data(), data.size()));
}

std::string checksum_of_file(const std::filesystem::path& path) {
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(), XXH3_freeState);
  XXH3_128bits_reset(state.get());
  std::vector<char> part(1 << 20);
  std::size_t got = 0;
  while (file && (got = std::fread(part.data(), 1, part.size(), file.get())) > 0) {
    XXH3_128bits_update(state.get(), part.data(), got);
  }
  if (!file || std::ferror(file.get())) {
    fail(ErrorKind::data, "checkpoint", "cannot read {}: {}", path.string(), std::strerror(errno));
  }
  return text_of(XXH3_128bits_digest(state.get()));
}

}  // namespace stint
