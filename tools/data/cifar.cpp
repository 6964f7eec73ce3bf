#include <fmt/format.h>
#include <stint/runtime/error.h>
#include <stint/tools/data/cifar.h>
#include <stint/tools/data/image_folder.h>

#include <sstream>

// The format and its files: cs.toronto.edu/~kriz/cifar.html, "Binary version".
namespace stint {

namespace {

constexpr std::int64_t places = 32 * 32;

/// Appends the files, unless none of them is there. Errors (ErrorKind::data): only some are.
void read_files(const FileTree& tree, const std::vector<std::string>& names, bool hundred, ImageSet& set,
                BadSamples& bad) {
  std::vector<std::string> missing;
  for (const std::string& name : names) {
    std::int64_t file = tree.find(name);
    if (file < 0) {
      missing.push_back(name);
    } else {
      read_cifar(tree.read(file), tree.place(file), hundred, set, bad);
    }
  }
  if (!missing.empty() && missing.size() < names.size()) {
    fail(ErrorKind::data, "data.dir", "{} has no {}, but other parts of the training images", tree.path(),
         fmt::join(missing, ", "));
  }
}

/// The list that comes with the images, a name a line; empty where it is not there or has another length.
std::vector<std::string> read_class_names(const FileTree& tree, bool hundred, std::int64_t classes) {
  std::int64_t file = tree.find(hundred ? "fine_label_names.txt" : "batches.meta.txt");
  if (file < 0) return {};
  Bytes text = tree.read(file);
  std::istringstream lines(std::string(text.begin(), text.end()));
  std::vector<std::string> names;
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) names.push_back(line);
  }
  return static_cast<std::int64_t>(names.size()) == classes ? names : std::vector<std::string>();
}

/// Images in folders by class, with CIFAR's normalisation.
DataSet from_images(std::shared_ptr<const FileTree> tree, const std::string& name, bool hundred, BadSamples& bad) {
  DataSet data = load_image_folder(std::move(tree), 0, bad);
  ImageSet kind = empty_cifar(hundred);
  if (data.train.classes != kind.classes || data.train.height != kind.height || data.train.width != kind.width) {
    fail(ErrorKind::data, "data.dir", "expected {} classes of 32x32 images, got {} of {}x{}", kind.classes,
         data.train.classes, data.train.height, data.train.width);
  }
  for (ImageSet* part : {&data.train, &data.test}) {
    part->mean = kind.mean;
    part->deviation = kind.deviation;
  }
  data.name = name;
  data.notes.push_back(fmt::format("{}: read from image files, whose pixels may differ from the binary release", name));
  return data;
}

}  // namespace

ImageSet empty_cifar(bool hundred) {
  return {
      .height = 32,
      .width = 32,
      .channels = 3,
      .classes = hundred ? 100 : 10,
      .mean = hundred ? std::vector<float>{0.5071f, 0.4865f, 0.4409f} : std::vector<float>{0.4914f, 0.4822f, 0.4465f},
      .deviation =
          hundred ? std::vector<float>{0.2673f, 0.2564f, 0.2762f} : std::vector<float>{0.2470f, 0.2435f, 0.2616f}};
}

void read_cifar(ByteView data, const std::string& name, bool hundred, ImageSet& set, BadSamples& bad) {
  std::size_t header = hundred ? 2 : 1, record = header + 3 * places;
  if (data.empty() || data.size() % record != 0) {
    fail(ErrorKind::data, "cifar", "{} has {} bytes, expected a multiple of {}", name, data.size(), record);
  }
  set.pixels.reserve(set.pixels.size() + data.size());
  for (std::size_t at = 0; at < data.size(); at += record) {
    std::uint8_t label = data[at + header - 1];
    if (label >= set.classes) {
      bad.add(fmt::format("cifar: {}: label {} of record {} is not in [0, {})", name, label, at / record, set.classes));
      continue;
    }
    const std::uint8_t* planes = data.data() + at + header;
    for (std::int64_t i = 0; i < places; ++i) {
      for (std::int64_t c = 0; c < 3; ++c) set.pixels.push_back(planes[c * places + i]);
    }
    set.labels.push_back(label);
  }
}

DataSet load_cifar(const std::string& path, bool hundred, BadSamples& bad) {
  std::string name = hundred ? "cifar100" : "cifar10";
  auto tree = std::make_shared<const FileTree>(path);
  DataSet data{name, empty_cifar(hundred), empty_cifar(hundred)};
  for (ImageSet* part : {&data.train, &data.test}) {
    part->class_names = read_class_names(*tree, hundred, part->classes);
  }
  if (hundred) {
    read_files(*tree, {"train.bin"}, true, data.train, bad);
    read_files(*tree, {"test.bin"}, true, data.test, bad);
  } else {
    read_files(*tree,
               {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
               false, data.train, bad);
    read_files(*tree, {"test_batch.bin"}, false, data.test, bad);
  }
  bool train = data.train.count() > 0, test = data.test.count() > 0;
  if (train && test) return data;
  if (train || test) return hold_out_every_fifth(name, train ? data.train : data.test);
  return from_images(std::move(tree), name, hundred, bad);
}

}  // namespace stint
