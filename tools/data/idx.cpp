#include <stint/runtime/error.h>
#include <stint/tools/data/idx.h>

#include <filesystem>
#include <optional>

// The format (yann.lecun.com/exdb/mnist): 0, 0, the type of an element (8: unsigned byte), the number of dimensions,
// each dimension as a big-endian 32-bit integer, the elements.
namespace stint {

namespace {

constexpr std::uint32_t image_magic = 0x803, label_magic = 0x801;
constexpr std::int64_t classes = 10;
constexpr std::uint64_t most_images = std::uint64_t{1} << 31;
constexpr std::uint64_t largest_side = 4096;

[[noreturn]] void bad_file(const std::string& name, const std::string& what) {
  fail(ErrorKind::data, "idx", "{} {}", name, what);
}

std::uint32_t big_endian(ByteView data, std::size_t at) {
  return std::uint32_t{data[at]} << 24 | std::uint32_t{data[at + 1]} << 16 | std::uint32_t{data[at + 2]} << 8 |
         data[at + 3];
}

/// Checks a header of `rank` dimensions and the length of the file; returns the dimensions.
std::vector<std::uint64_t> read_header(ByteView data, std::uint32_t magic, std::size_t rank, const std::string& name) {
  std::size_t header = 4 + 4 * rank;
  if (data.size() < header) bad_file(name, fmt::format("has {} bytes, expected a header of {}", data.size(), header));
  if (big_endian(data, 0) != magic) {
    bad_file(name, fmt::format("begins with {:#010x}, expected {:#010x} (IDX of bytes, {} dimensions)",
                               big_endian(data, 0), magic, rank));
  }
  std::vector<std::uint64_t> sizes;
  std::uint64_t elements = 1;
  for (std::size_t i = 0; i < rank; ++i) {
    sizes.push_back(big_endian(data, 4 + 4 * i));
    if (sizes[i] == 0 || sizes[i] > (i == 0 ? most_images : largest_side)) {
      bad_file(name, fmt::format("states a dimension of {}", sizes[i]));
    }
    elements *= sizes[i];  // below 2^31 * 2^24
  }
  if (data.size() - header != elements) {
    bad_file(name, fmt::format("has {} bytes of data, its header says {}", data.size() - header, elements));
  }
  return sizes;
}

/// `train-images-idx3-ubyte` and `train-labels-idx1-ubyte`, or with `t10k`; nothing if they are not there.
std::optional<ImageSet> read_part(const FileTree& tree, const std::string& part, BadSamples& bad) {
  std::int64_t images = tree.find(part + "-images-idx3-ubyte"), labels = tree.find(part + "-labels-idx1-ubyte");
  if (images < 0 && labels < 0) return {};
  if (images < 0 || labels < 0) {
    fail(ErrorKind::data, "data.dir", "{} has the {} of {}, but not its {}", tree.path(),
         images < 0 ? "labels" : "images", part, images < 0 ? "images" : "labels");
  }
  return read_idx(tree.read(images), tree.place(images), tree.read(labels), tree.place(labels), bad);
}

ImageSet read_pair(const std::string& path, BadSamples& bad) {
  std::string labels = path;
  labels.replace(labels.rfind("images-idx3"), 11, "labels-idx1");
  return read_idx(decompress(read_bytes(path), path), path, decompress(read_bytes(labels), labels), labels, bad);
}

}  // namespace

ImageSet read_idx(ByteView images, const std::string& images_name, ByteView labels, const std::string& labels_name,
                  BadSamples& bad) {
  auto sizes = read_header(images, image_magic, 3, images_name);
  auto count = read_header(labels, label_magic, 1, labels_name)[0];
  if (sizes[0] != count) {
    bad_file(labels_name, fmt::format("has {} labels, {} has {} images", count, images_name, sizes[0]));
  }
  ImageSet set{.height = static_cast<std::int64_t>(sizes[1]),
               .width = static_cast<std::int64_t>(sizes[2]),
               .channels = 1,
               .classes = classes,
               .mean = {0.1307f},  // of MNIST's training images / 255
               .deviation = {0.3081f}};
  std::int64_t elements = set.image_elements();
  set.pixels.reserve(images.size() - 16);
  for (std::uint64_t i = 0; i < count; ++i) {
    std::uint8_t label = labels[8 + i];
    if (label >= classes) {
      bad.add(fmt::format("idx: {}: label {} of sample {} is not in [0, {})", labels_name, label, i, classes));
      continue;
    }
    auto image = images.begin() + 16 + static_cast<std::ptrdiff_t>(i) * elements;
    set.pixels.insert(set.pixels.end(), image, image + elements);
    set.labels.push_back(label);
  }
  return set;
}

DataSet load_mnist(const std::string& path, BadSamples& bad) {
  bool pair = std::filesystem::is_regular_file(path) && path.find("images-idx3") != std::string::npos;
  if (pair) return hold_out_every_fifth("mnist", read_pair(path, bad));
  FileTree tree(path);
  auto train = read_part(tree, "train", bad), test = read_part(tree, "t10k", bad);
  if (train && test) return {"mnist", std::move(*train), std::move(*test)};
  if (train || test) return hold_out_every_fifth("mnist", train ? *train : *test);
  fail(ErrorKind::data, "data.dir", "{} has no train-images-idx3-ubyte or t10k-images-idx3-ubyte, also not as .gz",
       path);
}

}  // namespace stint
