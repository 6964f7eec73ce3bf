#include <fmt/format.h>
#include <stint/tools/config/printable.h>

namespace stint {

namespace {

unsigned char byte_at(std::string_view text, std::size_t i) {
  return static_cast<unsigned char>(text[i]);
}

/// Bytes of the UTF-8 sequence that a first byte announces; 0 for a byte that starts none.
std::size_t announced_length(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return 2;
  if (first >= 0xe0 && first <= 0xef) return 3;
  if (first >= 0xf0 && first <= 0xf4) return 4;
  return 0;
}

/// Surrogates, values past U+10FFFF and longer spellings than needed show in the second byte.
bool is_second_byte_allowed(unsigned char first, unsigned char second) {
  if (first == 0xe0) return second >= 0xa0;
  if (first == 0xed) return second <= 0x9f;
  if (first == 0xf0) return second >= 0x90;
  if (first == 0xf4) return second <= 0x8f;
  return true;
}

/// C0, DEL and C1, the byte order mark and the noncharacters U+FFFE and U+FFFF: YAML does not carry them.
bool is_control(std::string_view character) {
  unsigned char first = byte_at(character, 0);
  if (character.size() == 1) return first < 0x20 || first == 0x7f;
  return (first == 0xc2 && byte_at(character, 1) < 0xa0) || character == "\xef\xbb\xbf" ||
         character == "\xef\xbf\xbe" || character == "\xef\xbf\xbf";
}

/// Bytes of the printable character at `i`, or 0 if there is none.
std::size_t printable_length(std::string_view text, std::size_t i) {
  unsigned char first = byte_at(text, i);
  std::size_t length = announced_length(first);
  if (length == 0 || i + length > text.size()) return 0;
  for (std::size_t k = 1; k < length; ++k) {
    if ((byte_at(text, i + k) & 0xc0) != 0x80) return 0;
  }
  if (length > 1 && !is_second_byte_allowed(first, byte_at(text, i + 1))) return 0;
  return is_control(text.substr(i, length)) ? 0 : length;
}

}  // namespace

bool is_printable(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    std::size_t length = printable_length(text, i);
    if (length == 0) return false;
    i += length;
  }
  return true;
}

std::string printable(std::string_view text, std::size_t longest) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    if (i >= longest) return out + "...";
    std::size_t length = printable_length(text, i);
    out += length > 0 ? std::string(text.substr(i, length)) : fmt::format("\\x{:02x}", byte_at(text, i));
    i += length > 0 ? length : 1;
  }
  return out;
}

}  // namespace stint
