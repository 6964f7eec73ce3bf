#pragma once

#include <stint/runtime/error.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

/// Each target gives its parser any bytes: it may return or throw `stint::Error`, and nothing else.
#define STINT_FUZZ(...)                                                               \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { \
    try {                                                                             \
      __VA_ARGS__                                                                     \
    } catch (const stint::Error&) {                                                   \
    }                                                                                 \
    return 0;                                                                         \
  }

namespace stint::fuzz {

/// Bytes under a path, for parsers that read files.
class MemoryFile {
 public:
  MemoryFile(const std::uint8_t* data, std::size_t size) : descriptor_(memfd_create("fuzz", 0)) {
    if (descriptor_ < 0 || write(descriptor_, data, size) != static_cast<ssize_t>(size)) std::abort();
  }
  ~MemoryFile() { close(descriptor_); }

  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

}  // namespace stint::fuzz
