#include <lzma.h>
#include <png.h>
#include <stint/tests/data/files.h>
#include <turbojpeg.h>
#include <zlib.h>

#include <cstring>
#include <fstream>
#include <stdexcept>

namespace stint::test {

namespace {

void must(bool condition) {
  if (!condition) throw std::runtime_error("a test file could not be made");
}

void put_octal(Bytes& header, std::size_t at, int digits, std::uint64_t value) {
  for (int i = digits - 1; i >= 0; --i, value /= 8) header[at + i] = static_cast<std::uint8_t>('0' + value % 8);
}

}  // namespace

Bytes bytes_of(std::string_view text) {
  return {text.begin(), text.end()};
}

void write_bytes(const std::string& path, const Bytes& data) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(data.data()), static_cast<std::streamsize>(data.size()));
  must(file.good());
}

Bytes gzip(const Bytes& data) {
  z_stream stream{};
  must(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes out(deflateBound(&stream, data.size()));
  stream.next_in = const_cast<std::uint8_t*>(data.data());
  stream.avail_in = static_cast<unsigned>(data.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<unsigned>(out.size());
  must(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

Bytes xz(const Bytes& data) {
  Bytes out(lzma_stream_buffer_bound(data.size()));
  std::size_t size = 0;
  must(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC64, nullptr, data.data(), data.size(), out.data(), &size, out.size()) ==
       LZMA_OK);
  out.resize(size);
  return out;
}

Bytes idx(const std::vector<std::uint32_t>& sizes, int modulo) {
  Bytes data = {0, 0, 8, static_cast<std::uint8_t>(sizes.size())};
  std::size_t count = 1;
  for (std::uint32_t size : sizes) {
    for (int shift : {24, 16, 8, 0}) data.push_back(static_cast<std::uint8_t>(size >> shift));
    count *= size;
  }
  for (std::size_t i = 0; i < count; ++i) data.push_back(static_cast<std::uint8_t>(i % modulo));
  return data;
}

Bytes cifar(int records, bool hundred) {
  Bytes data;
  for (int r = 0; r < records; ++r) {
    if (hundred) data.push_back(7);
    data.push_back(static_cast<std::uint8_t>(r % (hundred ? 100 : 10)));
    for (int c = 0; c < 3; ++c) {
      for (int i = 0; i < 1024; ++i) data.push_back(static_cast<std::uint8_t>(r + 50 * c + i / 32));
    }
  }
  return data;
}

Bytes tar(const std::vector<TarFile>& files) {
  Bytes archive;
  for (const TarFile& file : files) {
    Bytes header(512, 0);
    std::memcpy(header.data(), file.name.data(), std::min<std::size_t>(file.name.size(), 100));
    put_octal(header, 100, 7, 0644);
    put_octal(header, 124, 11, file.data.size());
    put_octal(header, 136, 11, 0);
    header[156] = '0';
    std::memcpy(header.data() + 257,
                "ustar\0"
                "00",
                8);
    std::memset(header.data() + 148, ' ', 8);
    std::uint64_t sum = 0;
    for (std::uint8_t byte : header) sum += byte;
    put_octal(header, 148, 6, sum);
    header[154] = 0;
    archive.insert(archive.end(), header.begin(), header.end());
    archive.insert(archive.end(), file.data.begin(), file.data.end());
    archive.resize((archive.size() + 511) / 512 * 512);
  }
  archive.resize(archive.size() + 1024);
  return archive;
}

Bytes png(int width, int height, int format, const void* pixels) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = static_cast<png_uint_32>(format);
  png_alloc_size_t size = 0;
  must(png_image_write_to_memory(&image, nullptr, &size, 0, pixels, 0, nullptr));
  Bytes out(size);
  must(png_image_write_to_memory(&image, out.data(), &size, 0, pixels, 0, nullptr));
  out.resize(size);
  return out;
}

Bytes jpeg(int width, int height, int format, const Bytes& pixels, bool progressive) {
  tjhandle encoder = tjInitCompress();
  unsigned char* out = nullptr;
  unsigned long size = 0;
  int sampling = format == TJPF_GRAY ? TJSAMP_GRAY : TJSAMP_444;
  must(tjCompress2(encoder, pixels.data(), width, 0, height, format, &out, &size, sampling, 95,
                   progressive ? TJFLAG_PROGRESSIVE : 0) == 0);
  Bytes result(out, out + size);
  tjFree(out);
  tjDestroy(encoder);
  return result;
}

Bytes plain_png(int width, int height, std::uint8_t red, std::uint8_t green, std::uint8_t blue) {
  Bytes pixels;
  for (int i = 0; i < width * height; ++i) pixels.insert(pixels.end(), {red, green, blue});
  return png(width, height, PNG_FORMAT_RGB, pixels.data());
}

}  // namespace stint::test
