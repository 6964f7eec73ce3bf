#include <fcntl.h>
#include <stint/runtime/error.h>
#include <stint/tools/data/bytes.h>
#include <stint/tools/trainer/files.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

namespace stint {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void cannot(const char* what, const fs::path& path) {
  fail(ErrorKind::runtime, "file", "cannot {} {}: {}", what, path.string(), std::strerror(errno));
}

}  // namespace

void sync_directory(const fs::path& directory) {
  int descriptor = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) cannot("open", directory);
  int failed = fsync(descriptor);
  close(descriptor);
  if (failed) cannot("sync", directory);
}

void write_file(const fs::path& path, const std::string& text) {
  fs::path aside = path;
  aside += ".new";
  std::FILE* file = std::fopen(aside.c_str(), "wb");
  if (!file) cannot("write", aside);
  bool good = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  good = std::fflush(file) == 0 && fsync(fileno(file)) == 0 && good;
  good = std::fclose(file) == 0 && good;
  if (good && std::rename(aside.c_str(), path.c_str()) == 0) return;
  int reason = errno;
  std::remove(aside.c_str());
  errno = reason;
  cannot("write", path);
}

std::string read_file(const fs::path& path) {
  Bytes bytes = read_bytes(path.string());
  return {bytes.begin(), bytes.end()};
}

void replace_directory(const fs::path& fresh, const fs::path& target) {
  sync_directory(fresh);
  bool exchanged = renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) == 0;
  if (exchanged) {
    sync_directory(target.parent_path());
    fs::remove_all(fresh);
    return;
  }
  fs::path old = target;
  old += ".old";
  fs::remove_all(old);
  if (fs::exists(target)) fs::rename(target, old);  // a file system without exchange: `.old` is there meanwhile
  fs::rename(fresh, target);
  sync_directory(target.parent_path());
  fs::remove_all(old);
}

}  // namespace stint
