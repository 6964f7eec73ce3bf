#include <fcntl.h>
#include <lzma.h>
#include <stint/runtime/error.h>
#include <stint/tools/data/bytes.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

namespace stint {

namespace {

constexpr std::uint64_t lzma_memory = std::uint64_t{256} << 20;  // xz -9 takes 65 MiB
constexpr std::size_t first_room = std::size_t{1} << 16;

[[noreturn]] void damaged(const std::string& name, const char* what) {
  fail(ErrorKind::data, "data", "{} cannot be decompressed: {}", name, what);
}

/// Output that grows as it fills, up to a limit.
class Output {
 public:
  Output(const std::string& name, std::uint64_t largest) : name_(name), largest_(largest) {}

  /// Room for more, at `next()`.
  std::size_t room() {
    if (used_ == data_.size()) {
      if (data_.size() >= largest_) fail(ErrorKind::data, "data", "{} holds more than {} bytes", name_, largest_);
      data_.resize(std::min<std::uint64_t>(largest_, std::max(first_room, data_.size() * 2)));
    }
    return std::min<std::size_t>(data_.size() - used_, std::numeric_limits<unsigned>::max());
  }
  std::uint8_t* next() { return data_.data() + used_; }
  void add(std::size_t bytes) { used_ += bytes; }
  Bytes take() {
    data_.resize(used_);
    return std::move(data_);
  }

 private:
  const std::string& name_;
  std::uint64_t largest_;
  Bytes data_;
  std::size_t used_ = 0;
};

/// One or more members, one after the other.
Bytes gunzip(const Bytes& data, const std::string& name, std::uint64_t largest) {
  Output out(name, largest);
  std::size_t used = 0;
  while (used < data.size()) {
    z_stream stream{};
    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) damaged(name, "out of memory");
    int status = Z_OK;
    while (status == Z_OK) {
      std::size_t left = std::min<std::size_t>(data.size() - used, 1u << 30);
      stream.next_in = const_cast<std::uint8_t*>(data.data() + used);
      stream.avail_in = static_cast<unsigned>(left);
      std::size_t room = 0;
      try {
        room = out.room();
      } catch (...) {
        inflateEnd(&stream);
        throw;
      }
      stream.next_out = out.next();
      stream.avail_out = static_cast<unsigned>(room);
      status = inflate(&stream, Z_NO_FLUSH);
      used += left - stream.avail_in;
      out.add(room - stream.avail_out);
    }
    inflateEnd(&stream);
    if (status != Z_STREAM_END) damaged(name, status == Z_BUF_ERROR ? "it is truncated" : "the gzip data is damaged");
  }
  return out.take();
}

const char* lzma_text(lzma_ret status) {
  if (status == LZMA_MEMLIMIT_ERROR) return "it needs more than 256 MiB of memory";
  return status == LZMA_BUF_ERROR ? "it is truncated" : "the xz data is damaged";
}

Bytes unxz(const Bytes& data, const std::string& name, std::uint64_t largest) {
  struct Stream : lzma_stream {
    Stream() : lzma_stream(LZMA_STREAM_INIT) {}
    ~Stream() { lzma_end(this); }
  } stream;
  Output out(name, largest);
  if (lzma_stream_decoder(&stream, lzma_memory, LZMA_CONCATENATED) != LZMA_OK) damaged(name, "out of memory");
  stream.next_in = data.data();
  stream.avail_in = data.size();
  lzma_ret status = LZMA_OK;
  while (status == LZMA_OK) {
    std::size_t room = out.room();
    stream.next_out = out.next();
    stream.avail_out = room;
    status = lzma_code(&stream, LZMA_FINISH);
    out.add(room - stream.avail_out);
  }
  if (status != LZMA_STREAM_END) damaged(name, lzma_text(status));
  return out.take();
}

bool starts_with(const Bytes& data, std::initializer_list<std::uint8_t> magic) {
  return data.size() >= magic.size() && std::equal(magic.begin(), magic.end(), data.begin());
}

}  // namespace

Bytes read_bytes(const std::string& path, std::uint64_t largest) {
  auto cannot = [&](const char* why) { fail(ErrorKind::data, "data", "cannot read {}: {}", path, why); };
  struct File {
    int descriptor;
    ~File() {
      if (descriptor >= 0) close(descriptor);
    }
  } file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};  // a pipe must not make us wait
  struct stat status {};
  if (file.descriptor < 0 || fstat(file.descriptor, &status) != 0) cannot(std::strerror(errno));
  if (!S_ISREG(status.st_mode)) cannot(S_ISDIR(status.st_mode) ? "it is a directory" : "it is not a regular file");
  if (static_cast<std::uint64_t>(status.st_size) > largest) cannot("it is too large");
  Bytes data(static_cast<std::size_t>(status.st_size));
  for (std::size_t done = 0; done < data.size();) {
    ssize_t got = read(file.descriptor, data.data() + done, data.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) cannot(got < 0 ? std::strerror(errno) : "it became shorter meanwhile");
    done += static_cast<std::size_t>(got);
  }
  return data;
}

Bytes decompress(Bytes data, const std::string& name, std::uint64_t largest) {
  if (starts_with(data, {0x1f, 0x8b})) return gunzip(data, name, largest);
  if (starts_with(data, {0xfd, '7', 'z', 'X', 'Z', 0})) return unxz(data, name, largest);
  return data;
}

}  // namespace stint
