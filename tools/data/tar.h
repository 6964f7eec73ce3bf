#pragma once

#include <stint/tools/data/bytes.h>

namespace stint {

/// A regular file inside a tar archive that lies in memory.
struct TarEntry {
  std::string name;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

/// Whether the data begins like a tar archive (a header whose checksum is right).
bool is_tar(ByteView archive);

/// The regular files of an archive (POSIX ustar and pax, GNU long names), in its order; a hard link is the file that it
/// leads to under another name; folders, symbolic links and devices are left out. Nothing is ever written, so a name
/// may be anything. `path` is for errors (ErrorKind::data): damaged, truncated, sparse files, a hard link to no file
/// before it.
std::vector<TarEntry> list_tar(ByteView archive, const std::string& path);

}  // namespace stint
