#pragma once

#include <stint/tools/data/bytes.h>

#include <string>
#include <string_view>
#include <vector>

/// Makes small files of every format that the data sets read.
namespace stint::test {

Bytes bytes_of(std::string_view text);
void write_bytes(const std::string& path, const Bytes& data);

Bytes gzip(const Bytes& data);
Bytes xz(const Bytes& data);

/// IDX with the dimensions given; byte i of the data is i modulo 251, or, with `modulo` 10, a label.
Bytes idx(const std::vector<std::uint32_t>& sizes, int modulo = 251);

/// Records of CIFAR; label of record i: i modulo the classes.
Bytes cifar(int records, bool hundred);

struct TarFile {
  std::string name;
  Bytes data;
};
Bytes tar(const std::vector<TarFile>& files);

/// PNG of a libpng format (PNG_FORMAT_GRAY, PNG_FORMAT_RGBA, PNG_FORMAT_LINEAR_RGB, ...) from its pixels.
Bytes png(int width, int height, int format, const void* pixels);

/// JPEG of a TurboJPEG pixel format (TJPF_RGB, TJPF_GRAY, TJPF_CMYK) from its pixels.
Bytes jpeg(int width, int height, int format, const Bytes& pixels, bool progressive = false);

/// An RGB picture of one colour as PNG.
Bytes plain_png(int width, int height, std::uint8_t red, std::uint8_t green, std::uint8_t blue);

}  // namespace stint::test
