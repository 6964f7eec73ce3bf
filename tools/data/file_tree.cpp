#include <stint/runtime/error.h>
#include <stint/tools/data/file_tree.h>
#include <stint/tools/data/tar.h>

#include <algorithm>
#include <filesystem>

namespace stint {

namespace fs = std::filesystem;

namespace {

bool is_hidden(const std::string& name) {
  return name.starts_with(".") || name.find("/.") != std::string::npos || name.starts_with("__MACOSX");
}

std::string without_dot(std::string name) {
  while (name.starts_with("./")) name.erase(0, 2);
  return name;
}

}  // namespace

FileTree::FileTree(const std::string& path) : path_(path) {
  std::error_code error;
  auto status = fs::status(path, error);
  if (!fs::exists(status)) fail(ErrorKind::data, "data.dir", "{} does not exist", path);
  folder_ = fs::is_directory(status);
  folder_ ? list_folder() : list_archive();
  std::erase_if(files_, [](const File& file) { return is_hidden(file.name); });
  std::sort(files_.begin(), files_.end(), [](const File& a, const File& b) { return a.name < b.name; });
}

void FileTree::list_folder() {
  try {
    fs::recursive_directory_iterator all(path_, fs::directory_options::follow_directory_symlink);
    for (const auto& entry : all) {
      if (all.depth() > 32) fail(ErrorKind::data, "data.dir", "{} has folders nested more than 32 deep", path_);
      if (entry.is_regular_file()) files_.push_back({fs::path(entry).lexically_relative(path_).generic_string()});
    }
  } catch (const fs::filesystem_error& error) {
    fail(ErrorKind::data, "data.dir", "cannot read {}: {}", error.path1().string(), error.code().message());
  }
}

void FileTree::list_archive() {
  archive_ = decompress(read_bytes(path_), path_);
  if (is_tar(archive_)) {
    for (TarEntry& entry : list_tar(archive_, path_)) {
      files_.push_back({without_dot(std::move(entry.name)), entry.offset, entry.size});
    }
  } else {
    files_.push_back({fs::path(path_).filename().string(), 0, archive_.size()});
  }
}

std::string FileTree::place(std::int64_t file) const {
  if (!folder_ && count() == 1 && files_[file].size == archive_.size()) return path_;
  return path_ + (folder_ ? "/" : ":") + name(file);
}

Bytes FileTree::read(std::int64_t file) const {
  const File& f = files_[file];
  if (folder_) return decompress(read_bytes(path_ + "/" + f.name), place(file));
  auto begin = archive_.begin() + static_cast<std::ptrdiff_t>(f.offset);
  return decompress(Bytes(begin, begin + static_cast<std::ptrdiff_t>(f.size)), place(file));
}

std::int64_t FileTree::find(const std::string& file_name) const {
  for (std::int64_t i = 0; i < count(); ++i) {
    std::string last = fs::path(name(i)).filename().string();
    for (const char* ending : {"", ".gz", ".xz"}) {
      if (last == file_name + ending) return i;
    }
  }
  return -1;
}

}  // namespace stint
