#include <fcntl.h>
#include <stint/layers/safetensors.h>
#include <stint/runtime/host_copy.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

// The format: 8 bytes of header length (little endian), a JSON object name -> {dtype, shape, data_offsets}, then the
// data (github.com/huggingface/safetensors).
namespace stint {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t largest_header = 100'000'000;  // the format's own limit
constexpr std::pair<const char*, DType> dtype_names[] = {
    {"F32", DType::f32}, {"BF16", DType::bf16}, {"I32", DType::i32}, {"U8", DType::u8}, {"I64", DType::i64}};

std::string dtype_name(DType dtype) {
  for (auto [name, value] : dtype_names) {
    if (value == dtype) return name;
  }
  return "";
}

/// A file that is there when it is whole: written as NAME.new, which `finish` puts in the place of what stood there.
/// What is no plain file, like /dev/stdout or a pipe, is written as it is. Every failure says what could not be done to
/// which file.
class OutputFile {
 public:
  explicit OutputFile(const std::string& path) : path_(path) {
    namespace fs = std::filesystem;
    std::error_code none;
    fs::file_status there = fs::status(path, none);
    aside_ = !fs::exists(there) || fs::is_regular_file(there);
    if (aside_ && fs::exists(there) && fs::is_symlink(path, none)) path_ = fs::canonical(path, none);
    descriptor_ = open(written().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    check(descriptor_ >= 0);
  }
  ~OutputFile() {
    if (descriptor_ >= 0) close(descriptor_);
    if (aside_ && !whole_) unlink(written().c_str());
  }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(const void* data, std::size_t bytes) {
    const char* next = static_cast<const char*>(data);
    while (bytes > 0) {
      ssize_t written = ::write(descriptor_, next, bytes);
      if (written < 0 && errno == EINTR) continue;
      check(written > 0);
      next += written;
      bytes -= static_cast<std::size_t>(written);
    }
  }
  void finish() {
    check(!aside_ || fsync(descriptor_) == 0);  // nothing else can be synced
    check(close(std::exchange(descriptor_, -1)) == 0);
    check(!aside_ || rename(written().c_str(), path_.c_str()) == 0);
    whole_ = true;
  }

 private:
  std::string written() const { return aside_ ? path_ + ".new" : path_; }
  void check(bool good) const { require(good, "safetensors", "cannot write {}: {}", path_, std::strerror(errno)); }
  std::string path_;
  bool aside_ = true, whole_ = false;
  int descriptor_ = -1;
};

std::string header_of(const std::vector<StoredTensor>& tensors, const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::size_t offset = 0;
  for (const StoredTensor& tensor : tensors) {
    require(!header.contains(tensor.name), "safetensors", "there are two tensors named '{}'", tensor.name);
    auto dims = tensor.shape.dims();
    header[tensor.name] = {{"dtype", dtype_name(tensor.dtype)},
                           {"shape", std::vector<std::int64_t>(dims.begin(), dims.end())},
                           {"data_offsets", {offset, offset + tensor.bytes()}}};
    offset += tensor.bytes();
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  return text;
}

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  fail(ErrorKind::data, "safetensors", "{} is not a valid safetensors file: {}", path, why);
}

/// Parses the header; JSON itself allows duplicate names, the format does not.
Json parse_header(const std::string& path, const std::string& text) {
  std::vector<std::set<std::string>> names;
  auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > 4) refuse(path, "the header is nested too deeply");
    if (event == Json::parse_event_t::object_start) names.emplace_back();
    if (event == Json::parse_event_t::object_end) names.pop_back();
    if (event == Json::parse_event_t::key && !names.back().insert(parsed.get<std::string>()).second) {
      refuse(path, fmt::format("the name '{}' appears twice", parsed.get<std::string>()));
    }
    return true;
  };
  Json header;
  try {
    header = Json::parse(text, watch);
  } catch (const nlohmann::json::exception& error) {
    refuse(path, error.what());
  }
  if (!header.is_object()) refuse(path, "the header is not an object");
  return header;
}

std::map<std::string, std::string> parse_metadata(const std::string& path, const Json& header) {
  std::map<std::string, std::string> texts;
  auto found = header.find("__metadata__");
  if (found == header.end()) return texts;
  if (!found->is_object()) refuse(path, "its metadata are no object");
  for (const auto& [key, value] : found->items()) {
    if (!value.is_string()) refuse(path, fmt::format("its metadata '{}' are no text", key));
    texts[key] = value.get<std::string>();
  }
  return texts;
}

struct Entry {
  std::string name;
  DType dtype;
  Shape shape;
  std::uint64_t begin, end;
};

/// The format has more of them than we read.
[[noreturn]] void refuse_dtype(const std::string& path, const std::string& name, const Json& entry) {
  std::string given = entry.contains("dtype") && entry["dtype"].is_string() ? entry["dtype"].get<std::string>() : "";
  bool plausible = !given.empty() && given.size() <= 16 && std::all_of(given.begin(), given.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
  });
  if (!plausible) refuse(path, fmt::format("tensor '{}' has a wrong dtype", name));
  std::string ours;
  for (auto [text, dtype] : dtype_names) ours += (ours.empty() ? "" : ", ") + std::string(text);
  fail(ErrorKind::data, "safetensors", "{}: tensor '{}' is {}, expected one of {}", path, name, given, ours);
}

Entry parse_entry(const std::string& path, const std::string& name, const Json& json) {
  auto wrong = [&](const char* what) { refuse(path, fmt::format("tensor '{}' has a wrong {}", name, what)); };
  if (!json.is_object() || json.size() != 3) wrong("entry");
  Entry entry{name, DType::f32, {}, 0, 0};
  bool known = false;
  for (auto [text, dtype] : dtype_names) {
    if (json.contains("dtype") && json["dtype"] == text) {
      entry.dtype = dtype;
      known = true;
    }
  }
  if (!known) refuse_dtype(path, name, json);
  auto unsigned_list = [](const Json& list) {
    return list.is_array() &&
           std::all_of(list.begin(), list.end(), [](const Json& v) { return v.is_number_unsigned(); });
  };
  if (!json.contains("shape") || !unsigned_list(json["shape"]) || json["shape"].size() > Shape::max_rank)
    wrong("shape");
  std::vector<std::int64_t> dims;
  for (const Json& dim : json["shape"]) {
    if (dim.get<std::uint64_t>() > std::uint64_t{1} << 48) wrong("shape");
    dims.push_back(dim.get<std::int64_t>());
  }
  try {
    entry.shape = Shape(dims);
  } catch (const Error&) {
    wrong("shape");
  }
  if (!json.contains("data_offsets") || !unsigned_list(json["data_offsets"]) || json["data_offsets"].size() != 2) {
    wrong("data_offsets");
  }
  entry.begin = json["data_offsets"][0].get<std::uint64_t>();
  entry.end = json["data_offsets"][1].get<std::uint64_t>();
  auto count = static_cast<std::uint64_t>(entry.shape.count());
  if (entry.end < entry.begin || (entry.end - entry.begin) / size_of(entry.dtype) != count ||
      (entry.end - entry.begin) % size_of(entry.dtype) != 0) {
    wrong("size");
  }
  return entry;
}

/// In order of place; every byte of the data belongs to exactly one tensor.
std::vector<Entry> parse_entries(const std::string& path, const Json& header, std::uint64_t data_bytes) {
  std::vector<Entry> entries;
  for (const auto& [name, json] : header.items()) {
    if (name != "__metadata__") entries.push_back(parse_entry(path, name, json));
  }
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t place = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != place) refuse(path, fmt::format("tensor '{}' overlaps another or leaves a hole", entry.name));
    place = entry.end;
  }
  if (place != data_bytes) {
    refuse(path, fmt::format("expected {} bytes of data, got {}", place, data_bytes));
  }
  return entries;
}

/// A file whose header has been found good.
class InputFile {
 public:
  InputFile(const std::string& path, std::map<std::string, std::string>* metadata)
      : path_(path), file_(path, std::ios::binary | std::ios::ate) {
    if (!file_) fail(ErrorKind::data, "safetensors", "cannot read {}: {}", path, std::strerror(errno));
    auto total = static_cast<std::uint64_t>(file_.tellg());
    file_.seekg(0);
    std::uint64_t length = 0;
    if (total < 8 || !file_.read(reinterpret_cast<char*>(&length), 8)) refuse(path, "it is shorter than 8 bytes");
    if (length > largest_header || length > total - 8) refuse(path, fmt::format("its header claims {} bytes", length));
    std::string text(length, '\0');
    if (!file_.read(text.data(), static_cast<std::streamsize>(length))) refuse(path, "its header is truncated");
    Json header = parse_header(path, text);
    auto texts = parse_metadata(path, header);
    if (metadata) *metadata = std::move(texts);
    data_ = 8 + length;
    entries_ = parse_entries(path, header, total - data_);
  }

  const std::vector<Entry>& entries() const { return entries_; }

  void read(const Entry& entry, std::byte* to) {
    file_.seekg(static_cast<std::streamoff>(data_ + entry.begin));
    if (!file_.read(reinterpret_cast<char*>(to), static_cast<std::streamsize>(entry.end - entry.begin))) {
      refuse(path_, fmt::format("tensor '{}' is truncated", entry.name));
    }
  }

 private:
  std::string path_;
  std::ifstream file_;
  std::uint64_t data_ = 0;  // where it begins
  std::vector<Entry> entries_;
};

}  // namespace

std::vector<StoredTensor> stored(const std::vector<NamedTensor>& tensors) {
  std::vector<StoredTensor> all;
  for (const auto& [name, tensor] : tensors) {
    all.push_back({name, tensor.shape(), tensor.dtype(),
                   [tensor = tensor](std::vector<std::byte>& scratch) { return host_bytes(tensor, scratch); }});
  }
  return all;
}

void write_safetensors(const std::string& path, const std::vector<StoredTensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::string header = header_of(tensors, metadata);
  OutputFile file(path);
  std::uint64_t length = header.size();
  file.write(&length, sizeof length);
  file.write(header.data(), header.size());
  std::vector<std::byte> scratch;
  for (const StoredTensor& tensor : tensors) {
    auto elements = tensor.elements(scratch);
    file.write(elements.data(), elements.size());
  }
  file.finish();
}

void write_safetensors(const std::string& path, const std::vector<NamedTensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  write_safetensors(path, stored(tensors), metadata);
}

std::vector<StoredTensor> open_safetensors(const std::string& path, std::map<std::string, std::string>* metadata) {
  auto file = std::make_shared<InputFile>(path, metadata);
  std::vector<StoredTensor> tensors;
  for (const Entry& entry : file->entries()) {
    tensors.push_back({entry.name, entry.shape, entry.dtype, [file, entry](std::vector<std::byte>& scratch) {
                         scratch.resize(entry.end - entry.begin);
                         file->read(entry, scratch.data());
                         return std::span<const std::byte>(scratch);
                       }});
  }
  return tensors;
}

std::vector<NamedTensor> read_safetensors(const std::string& path, std::map<std::string, std::string>* metadata) {
  InputFile file(path, metadata);
  std::vector<NamedTensor> tensors;
  for (const Entry& entry : file.entries()) {
    Tensor tensor(entry.shape, entry.dtype);
    file.read(entry, tensor.raw());
    tensors.push_back({entry.name, tensor});
  }
  return tensors;
}

}  // namespace stint
