#include <stint/runtime/error.h>
#include <stint/tools/data/digits.h>
#include <zlib.h>

#include <array>
#include <charconv>
#include <string_view>

// The file is part of the program, so that the data set is there wherever the program is.
asm(R"(
  .section .rodata
  .global stint_digits_begin
  .global stint_digits_end
stint_digits_begin:
  .incbin ")" STINT_DIGITS_FILE R"("
stint_digits_end:
  .byte 0
  .previous
)");
extern "C" const unsigned char stint_digits_begin[];
extern "C" const unsigned char stint_digits_end[];

namespace stint {

namespace {

constexpr std::int64_t image_pixels = 64;
constexpr std::size_t largest_text = 1 << 20;

std::string inflate_digits() {
  z_stream stream{};
  stream.next_in = const_cast<unsigned char*>(stint_digits_begin);
  stream.avail_in = static_cast<unsigned>(stint_digits_end - stint_digits_begin);
  std::string text(largest_text, '\0');
  stream.next_out = reinterpret_cast<unsigned char*>(text.data());
  stream.avail_out = static_cast<unsigned>(text.size());
  int status = inflateInit2(&stream, 16 + MAX_WBITS);
  if (status == Z_OK) status = inflate(&stream, Z_FINISH);
  text.resize(stream.total_out);
  inflateEnd(&stream);
  if (status != Z_STREAM_END) fail(ErrorKind::data, "digits", "the bundled file cannot be decompressed");
  return text;
}

ImageSet empty_set() {
  // Mean and deviation of the training pixels / 16.
  return {.height = 8,
          .width = 8,
          .channels = 1,
          .classes = 10,
          .mean = {0.3058f},
          .deviation = {0.3764f},
          .white = 16,
          .pixels = {},
          .labels = {}};
}

/// One line: 64 pixels and a label.
std::array<int, image_pixels + 1> parse_line(std::string_view line, std::int64_t number) {
  std::array<int, image_pixels + 1> values{};
  const char* next = line.data();
  const char* end = line.data() + line.size();
  for (std::size_t i = 0; i < values.size(); ++i) {
    auto [after, error] = std::from_chars(next, end, values[i]);
    int most = i < image_pixels ? 16 : 9;
    if (error != std::errc{} || values[i] < 0 || values[i] > most) {
      fail(ErrorKind::data, "digits", "line {} of the bundled file: expected 64 pixels and a label", number + 1);
    }
    next = after + (after != end);
  }
  return values;
}

}  // namespace

DataSet load_digits() {
  DataSet digits{"digits", empty_set(), empty_set()};
  std::string text = inflate_digits();
  std::string_view rest = text;
  for (std::int64_t number = 0; !rest.empty(); ++number) {
    std::size_t length = std::min(rest.find('\n'), rest.size());
    auto values = parse_line(rest.substr(0, length), number);
    ImageSet& part = number % 5 == 4 ? digits.test : digits.train;
    part.pixels.insert(part.pixels.end(), values.begin(), values.end() - 1);
    part.labels.push_back(values.back());
    rest.remove_prefix(std::min(length + 1, rest.size()));
  }
  return digits;
}

}  // namespace stint
