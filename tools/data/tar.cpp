#include <stint/runtime/error.h>
#include <stint/tools/data/tar.h>

#include <charconv>
#include <cstring>
#include <string_view>
#include <unordered_map>

// The format: blocks of 512 bytes; a header with name, size, checksum and type, then the file, padded to whole blocks;
// two blocks of zeros end the archive (POSIX.1-2001, pax interchange format; GNU tar's manual, "Basic Tar Format").
namespace stint {

namespace {

constexpr std::uint64_t block = 512;
constexpr std::uint64_t longest_name = 1 << 16;

std::string_view field(ByteView header, std::size_t at, std::size_t length) {
  std::string_view text(reinterpret_cast<const char*>(header.data()) + at, length);
  return text.substr(0, std::min(text.find('\0'), length));
}

/// Octal digits between spaces, or, past 8 GiB, GNU's big-endian number with the highest bit set. False if neither.
bool read_number(ByteView header, std::size_t at, std::size_t length, std::uint64_t& value) {
  value = 0;
  if (header[at] == 0x80) {
    for (std::size_t i = 1; i < length; ++i) {
      if (value >> 54) return false;
      value = value << 8 | header[at + i];
    }
    return true;
  }
  std::string_view text = field(header, at, length);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  auto [after, error] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
  return error == std::errc{} && after == text.data() + text.size();
}

/// The sum of the header's bytes, its own field counted as spaces.
bool checksum_is_right(ByteView header) {
  std::uint64_t sum = 0, stated = 0;
  for (std::size_t i = 0; i < block; ++i) sum += i >= 148 && i < 156 ? ' ' : header[i];
  return read_number(header, 148, 8, stated) && stated == sum;
}

bool is_zero(ByteView header) {
  for (std::uint8_t byte : header) {
    if (byte != 0) return false;
  }
  return true;
}

std::string name_of_header(ByteView header) {
  std::string name(field(header, 0, 100));
  bool posix = std::memcmp(header.data() + 257, "ustar\0", 6) == 0;
  std::string prefix(posix ? field(header, 345, 155) : "");
  return prefix.empty() ? name : prefix + "/" + name;
}

/// What an extension says of the file after it; a text that is empty is not said.
struct Said {
  std::string name, link;
  std::uint64_t size = 0;
  bool has_size = false;
};

/// Records "LENGTH key=value\n" of a pax header; false if malformed.
bool read_pax(std::string_view text, Said& said) {
  while (!text.empty()) {
    std::size_t length = 0;
    auto [after, error] = std::from_chars(text.data(), text.data() + text.size(), length);
    auto digits = static_cast<std::size_t>(after - text.data());
    if (error != std::errc{} || length > text.size() || length < digits + 3 || *after != ' ') return false;
    std::string_view record = text.substr(digits + 1, length - digits - 2);
    std::size_t equals = record.find('=');
    if (equals == std::string_view::npos || text[length - 1] != '\n') return false;
    std::string_view key = record.substr(0, equals), value = record.substr(equals + 1);
    if (key == "path") said.name = value;
    if (key == "linkpath") said.link = value;
    if (key == "size") {
      auto [end, wrong] = std::from_chars(value.data(), value.data() + value.size(), said.size);
      if (wrong != std::errc{} || end != value.data() + value.size()) return false;
      said.has_size = true;
    }
    if (key.starts_with("GNU.sparse")) return false;
    text.remove_prefix(length);
  }
  return true;
}

/// Reads headers one after the other; what a header says of the next one is kept until then.
class Reader {
 public:
  Reader(ByteView archive, const std::string& path) : archive_(archive), path_(path) {}

  std::vector<TarEntry> list() {
    while (at_ < archive_.size() && !ended()) read_header();
    if (!ended_) damaged("it is truncated");
    return std::move(entries_);
  }

 private:
  [[noreturn]] void damaged(const char* what) const {
    fail(ErrorKind::data, "tar", "{} is damaged at byte {}: {}", path_, at_, what);
  }

  bool ended() {
    if (archive_.size() - at_ >= block && is_zero(archive_.subspan(at_, block))) ended_ = true;
    return ended_;
  }

  void read_header() {
    if (archive_.size() - at_ < block) damaged("it is truncated");
    ByteView header = archive_.subspan(at_, block);
    if (!checksum_is_right(header)) damaged("the checksum of a header is wrong");
    char type = static_cast<char>(header[156]);
    std::uint64_t size = 0;
    if (!read_number(header, 124, 12, size)) damaged("a size is no number");
    bool extension = type == 'L' || type == 'K' || type == 'x' || type == 'g';
    if (!extension && next_.has_size) size = next_.size;
    bool has_data = extension || type == '0' || type == '\0' || type == '7';
    std::uint64_t room = archive_.size() - at_ - block, stored = has_data ? size : 0;
    if (stored > room) damaged("it is truncated");
    if (extension) {
      read_extension(type, at_ + block, size);
    } else {
      if (type == 'S') damaged("sparse files are not read");
      std::string name = next_.name.empty() ? name_of_header(header) : next_.name;
      if (has_data && !name.ends_with('/')) add({std::move(name), at_ + block, size});
      if (type == '1') add_link(name, next_.link.empty() ? std::string(field(header, 157, 100)) : next_.link);
      next_ = {};
    }
    at_ = std::min<std::uint64_t>(at_ + block + (stored + block - 1) / block * block, archive_.size());
  }

  void add(TarEntry entry) {
    last_of_name_[entry.name] = entries_.size();
    entries_.push_back(std::move(entry));
  }

  /// A hard link is another name of a file before it.
  void add_link(const std::string& name, const std::string& target) {
    auto found = last_of_name_.find(target);
    if (found == last_of_name_.end()) damaged("the file that a hard link leads to is not before it");
    const TarEntry& file = entries_[found->second];
    add({name, file.offset, file.size});
  }

  void read_extension(char type, std::uint64_t begin, std::uint64_t size) {
    if (type == 'g') return;  // remarks on the whole archive
    if (size > longest_name) damaged("a name is too long");
    std::string_view text(reinterpret_cast<const char*>(archive_.data()) + begin, size);
    if (type == 'L' || type == 'K') {
      (type == 'L' ? next_.name : next_.link) = text.substr(0, std::min(text.find('\0'), text.size()));
    } else if (!read_pax(text, next_)) {
      damaged("a pax header is malformed or of a sparse file");
    }
  }

  ByteView archive_;
  const std::string& path_;
  std::uint64_t at_ = 0;
  bool ended_ = false;
  Said next_;
  std::unordered_map<std::string, std::size_t> last_of_name_;  // places in entries_
  std::vector<TarEntry> entries_;
};

}  // namespace

bool is_tar(ByteView archive) {
  return archive.size() >= block && !is_zero(archive.first(block)) && checksum_is_right(archive.first(block));
}

std::vector<TarEntry> list_tar(ByteView archive, const std::string& path) {
  return Reader(archive, path).list();
}

}  // namespace stint
