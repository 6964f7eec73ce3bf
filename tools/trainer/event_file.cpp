#include <stint/runtime/error.h>
#include <stint/tools/trainer/event_file.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>

// Records of a TFRecord file: length (64 bits), its masked CRC-32C, data, the data's masked CRC-32C; little-endian. The
// data is a protobuf `Event` {1: wall_time double, 2: step int64, 3: file_version string, 5: Summary {1: Value {1: tag
// string, 2: simple_value float}}} (tensorflow/core/util/event.proto, framework/summary.proto).
namespace stint {

namespace {

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = value & 1 ? (value >> 1) ^ 0x82f63b78u : value >> 1;
    table[i] = value;
  }
  return table;
}

template <typename Word>
std::string little_endian(Word value) {
  std::string text;
  for (std::size_t i = 0; i < sizeof(Word); ++i) text += static_cast<char>((value >> 8 * i) & 0xff);
  return text;
}

std::string varint(std::uint64_t value) {
  std::string text;
  for (; value >= 128; value >>= 7) text += static_cast<char>((value & 127) | 128);
  return text + static_cast<char>(value);
}

/// A field's number and wire type, then its content.
enum Wire { as_varint = 0, as_64_bits = 1, as_bytes = 2, as_32_bits = 5 };

std::string field(int number, Wire wire, const std::string& content) {
  std::string text = varint(static_cast<std::uint64_t>((number << 3) | wire));
  if (wire == as_bytes) text += varint(content.size());
  return text + content;
}

std::string event_at(double wall_time, std::int64_t step) {
  return field(1, as_64_bits, little_endian(std::bit_cast<std::uint64_t>(wall_time))) +
         field(2, as_varint, varint(static_cast<std::uint64_t>(step)));
}

std::string masked_crc(std::string_view data) {
  std::uint32_t crc = crc32c(data);
  return little_endian(((crc >> 15) | (crc << 17)) + 0xa282ead8u);
}

}  // namespace

std::uint32_t crc32c(std::string_view data) {
  static constexpr auto table = make_crc_table();
  std::uint32_t crc = ~0u;
  for (char c : data) crc = table[(crc ^ static_cast<unsigned char>(c)) & 0xff] ^ (crc >> 8);
  return ~crc;
}

EventFile::EventFile(const std::filesystem::path& path)
    : path_(path), file_(std::fopen(path.c_str(), "wb"), std::fclose) {
  if (!file_) fail(ErrorKind::runtime, "events", "cannot write {}: {}", path.string(), std::strerror(errno));
  write(event_at(0, 0) + field(3, as_bytes, "brain.Event:2"));
}

void EventFile::add(double wall_time, std::int64_t step, std::string_view tag, float value) {
  std::string content =
      field(1, as_bytes, std::string(tag)) + field(2, as_32_bits, little_endian(std::bit_cast<std::uint32_t>(value)));
  write(event_at(wall_time, step) + field(5, as_bytes, field(1, as_bytes, content)));
}

void EventFile::write(const std::string& event) {
  std::string length = little_endian(static_cast<std::uint64_t>(event.size()));
  std::string record = length + masked_crc(length) + event + masked_crc(event);
  std::size_t written = std::fwrite(record.data(), 1, record.size(), file_.get());
  if (written != record.size())
    fail(ErrorKind::runtime, "events", "cannot write {}: {}", path_.string(), std::strerror(errno));
}

void EventFile::flush() {
  if (std::fflush(file_.get()) == 0) return;
  fail(ErrorKind::runtime, "events", "cannot write {}: {}", path_.string(), std::strerror(errno));
}

}  // namespace stint
