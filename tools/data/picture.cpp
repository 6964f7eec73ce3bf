#include <png.h>
#include <stint/runtime/error.h>
#include <stint/tools/data/picture.h>
#include <turbojpeg.h>

#include <algorithm>
#include <memory>

namespace stint {

namespace {

constexpr std::int64_t most_pixels = std::int64_t{64} << 20;

[[noreturn]] void bad(const std::string& name, const std::string& what) {
  fail(ErrorKind::data, "image", "{} cannot be decoded: {}", name, what);
}

void check_size(std::int64_t width, std::int64_t height, const std::string& name) {
  if (width < 1 || height < 1) bad(name, "it has no pixels");
  if (width > most_pixels / height) bad(name, fmt::format("{}x{} is more than 64 M pixels", width, height));
}

/// Adobe's CMYK is inverted: 255 is no ink.
Bytes rgb_of_cmyk(const Bytes& cmyk) {
  Bytes rgb(cmyk.size() / 4 * 3);
  for (std::size_t i = 0; i < rgb.size(); ++i) {
    rgb[i] = static_cast<std::uint8_t>((cmyk[i / 3 * 4 + i % 3] * cmyk[i / 3 * 4 + 3] + 127) / 255);
  }
  return rgb;
}

Picture decode_jpeg(ByteView data, const std::string& name) {
  std::unique_ptr<void, int (*)(void*)> decoder(tjInitDecompress(), tjDestroy);
  if (!decoder) bad(name, "no memory for a JPEG decoder");
  int width = 0, height = 0, subsampling = 0, colours = 0;
  auto check = [&](int status) {
    if (status != 0) bad(name, tjGetErrorStr2(decoder.get()));
  };
  check(tjDecompressHeader3(decoder.get(), data.data(), data.size(), &width, &height, &subsampling, &colours));
  check_size(width, height, name);
  bool four = colours == TJCS_CMYK || colours == TJCS_YCCK;
  Bytes pixels(static_cast<std::size_t>(width) * height * (four ? 4 : 3));
  check(tjDecompress2(decoder.get(), data.data(), data.size(), pixels.data(), width, 0, height,
                      four ? TJPF_CMYK : TJPF_RGB, TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS | TJFLAG_ACCURATEDCT));
  return {height, width, four ? rgb_of_cmyk(pixels) : std::move(pixels)};
}

Bytes without_alpha(const Bytes& rgba) {
  Bytes rgb(rgba.size() / 4 * 3);
  for (std::size_t i = 0; i < rgb.size(); ++i) rgb[i] = rgba[i / 3 * 4 + i % 3];
  return rgb;
}

Picture decode_png(ByteView data, const std::string& name) {
  struct Image : png_image {
    Image() : png_image{} { version = PNG_IMAGE_VERSION; }
    ~Image() { png_image_free(this); }
  } image;
  auto check = [&](int good) {
    if (!good || image.warning_or_error != 0) bad(name, image.message);
  };
  check(png_image_begin_read_from_memory(&image, data.data(), data.size()));
  check_size(image.width, image.height, name);
  bool alpha = image.format & PNG_FORMAT_FLAG_ALPHA;
  image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
  image.format = alpha ? PNG_FORMAT_RGBA : PNG_FORMAT_RGB;
  Bytes pixels(PNG_IMAGE_SIZE(image));
  check(png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr));
  return {image.height, image.width, alpha ? without_alpha(pixels) : std::move(pixels)};
}

}  // namespace

bool is_picture_name(const std::string& name) {
  std::string ending = name.substr(std::min(name.rfind('.'), name.size()));
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return ending == ".jpg" || ending == ".jpeg" || ending == ".png";
}

Picture decode_picture(ByteView data, const std::string& name) {
  constexpr std::uint8_t jpeg[] = {0xff, 0xd8}, png[] = {0x89, 'P', 'N', 'G'};
  auto starts = [&](ByteView magic) {
    return data.size() >= magic.size() && std::equal(magic.begin(), magic.end(), data.begin());
  };
  if (starts(jpeg)) return decode_jpeg(data, name);
  if (starts(png)) return decode_png(data, name);
  bad(name, data.empty() ? "it is empty" : "it is neither JPEG nor PNG");
}

}  // namespace stint
