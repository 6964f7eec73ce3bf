#pragma once

#include <stint/tools/data/bytes.h>

namespace stint {

/// The files of a folder, with those of its folders, or of a tar archive (.tar, .tar.gz, .tar.xz), which is held in
/// memory; a file that is no archive is a tree of itself. Names are paths inside it, in order. Hidden files are left
/// out. Reading is safe from several threads.
class FileTree {
 public:
  /// Errors (ErrorKind::data): cannot be read, a damaged archive.
  explicit FileTree(const std::string& path);

  const std::string& path() const { return path_; }
  std::int64_t count() const { return static_cast<std::int64_t>(files_.size()); }
  const std::string& name(std::int64_t file) const { return files_[file].name; }
  /// For messages: where a user finds the file.
  std::string place(std::int64_t file) const;

  /// The file's bytes, decompressed if it is .gz or .xz. Errors (ErrorKind::data): as `read_bytes`, `decompress`.
  Bytes read(std::int64_t file) const;

  /// A file of this name, or this name with .gz or .xz, in any folder; -1 if there is none.
  std::int64_t find(const std::string& file_name) const;

 private:
  struct File {
    std::string name;
    std::uint64_t offset = 0, size = 0;  // in the archive
  };
  void list_folder();
  void list_archive();

  std::string path_;
  bool folder_;
  Bytes archive_;
  std::vector<File> files_;
};

}  // namespace stint
