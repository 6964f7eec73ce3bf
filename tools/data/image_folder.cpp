#include <stint/runtime/error.h>
#include <stint/tools/data/image_folder.h>
#include <stint/tools/data/picture.h>

#include <algorithm>
#include <cctype>
#include <set>

namespace stint {

namespace {

constexpr std::int64_t largest_in_memory = std::int64_t{2} << 30;  // bytes of decoded images
constexpr std::int64_t small_image = 256 * 256;                    // pixels

struct Sample {
  std::int64_t file = 0;
  bool test = false;
  std::string class_name;
};

std::vector<std::string> split_path(const std::string& path) {
  std::vector<std::string> parts(1);
  for (char c : path) {
    if (c == '/')
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

/// The folders that may hold a part; the first that is there counts.
const std::vector<std::string> training_folders = {"train", "training"};
const std::vector<std::string> test_folders = {"test", "testing", "val", "valid", "validation"};

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

bool is_among(const std::vector<std::string>& folders, const std::string& folder) {
  return std::find(folders.begin(), folders.end(), lower(folder)) != folders.end();
}

bool names_part(const std::string& folder) {
  return is_among(training_folders, folder) || is_among(test_folders, folder);
}

/// How many folders all paths have in common and may be left out: a class and a file remain.
std::size_t common_folders(const std::vector<std::vector<std::string>>& paths) {
  std::size_t depth = 0;
  auto goes_deeper = [&](const std::vector<std::string>& path) {
    return path.size() > depth + 2 && path[depth] == paths[0][depth] && !names_part(path[depth]);
  };
  while (std::all_of(paths.begin(), paths.end(), goes_deeper)) ++depth;
  return depth;
}

struct ImagePath {
  std::int64_t file = 0;
  std::vector<std::string> names;  // of folders, from where paths differ, and of the file
};

std::vector<ImagePath> list_images(const FileTree& tree) {
  std::vector<std::int64_t> files;
  std::vector<std::vector<std::string>> paths;
  for (std::int64_t i = 0; i < tree.count(); ++i) {
    if (!is_picture_name(tree.name(i))) continue;
    files.push_back(i);
    paths.push_back(split_path(tree.name(i)));
  }
  if (files.empty()) fail(ErrorKind::data, "data.dir", "{} has no JPEG or PNG images", tree.path());
  auto skip = static_cast<std::ptrdiff_t>(common_folders(paths));
  std::vector<ImagePath> images;
  for (std::size_t i = 0; i < files.size(); ++i)
    images.push_back({files[i], {paths[i].begin() + skip, paths[i].end()}});
  return images;
}

/// Whether folders of parts are meant: one has folders of classes, or there are both of them. A train alone, with
/// images in it, is a class (CIFAR-100 has one).
bool has_parts(const std::vector<ImagePath>& images) {
  auto any = [&](auto is) { return std::any_of(images.begin(), images.end(), is); };
  auto in = [](const auto& folders) {
    return [&](const ImagePath& image) { return is_among(folders, image.names[0]); };
  };
  bool both = any(in(training_folders)) && any(in(test_folders));
  return both || any([](const ImagePath& image) { return image.names.size() > 2 && names_part(image.names[0]); });
}

/// Where one image lies in the folder of a part, all must.
void check_parts(const FileTree& tree, const std::vector<ImagePath>& images) {
  for (const ImagePath& image : images) {
    if (image.names.size() > 2 && names_part(image.names[0])) continue;
    fail(ErrorKind::data, "data.dir",
         "{} has folders of parts (train, test, val), but {} does not lie in PART/CLASS/: move it there or away",
         tree.path(), tree.place(image.file));
  }
}

/// The first of `folders` that is there, in small letters; those behind it are noted as left out.
std::string choose_part(const std::vector<std::string>& folders, const std::set<std::string>& there,
                        std::vector<std::string>& notes) {
  std::string chosen;
  for (const std::string& folder : folders) {
    if (!there.contains(folder)) continue;
    if (chosen.empty()) {
      chosen = folder;
    } else {
      notes.push_back(fmt::format("image-folder: {}/ is used, {}/ is left out", chosen, folder));
    }
  }
  return chosen;
}

std::vector<Sample> list_samples(const FileTree& tree, std::vector<std::string>& notes) {
  std::vector<ImagePath> images = list_images(tree);
  bool parts = has_parts(images);
  if (parts) check_parts(tree, images);
  std::set<std::string> there;
  for (const ImagePath& image : images) there.insert(lower(image.names[0]));
  std::string train = choose_part(training_folders, there, notes), test = choose_part(test_folders, there, notes);
  std::vector<Sample> samples;
  for (const auto& [file, names] : images) {
    std::string part = lower(names[0]);
    if (parts && part != train && part != test) continue;
    if (names.size() < 2) {
      fail(ErrorKind::data, "data.dir", "{} lies in no folder that names its class", tree.place(file));
    }
    samples.push_back({file, parts && part == test, names[parts ? 1 : 0]});
  }
  return samples;
}

/// ImageNet's mean and deviation, as is usual for photographs.
ImageSet empty_photographs(const std::vector<Sample>& samples) {
  std::set<std::string> names;
  for (const Sample& sample : samples) names.insert(sample.class_name);
  return {.channels = 3,
          .classes = static_cast<std::int64_t>(names.size()),
          .mean = {0.485f, 0.456f, 0.406f},
          .deviation = {0.229f, 0.224f, 0.225f},
          .class_names = {names.begin(), names.end()}};
}

std::int32_t label_of(const ImageSet& set, const std::string& class_name) {
  auto found = std::lower_bound(set.class_names.begin(), set.class_names.end(), class_name);
  return static_cast<std::int32_t>(found - set.class_names.begin());
}

/// Decodes everything into memory; false if the images are large or of several sizes.
bool decode_all(const FileTree& tree, const std::vector<Sample>& samples, ImageSet& train, ImageSet& test,
                BadSamples& bad) {
  std::int64_t height = 0, width = 0;
  for (const Sample& sample : samples) {
    Picture picture;
    try {
      picture = decode_picture(tree.read(sample.file), tree.place(sample.file));
    } catch (const Error& error) {
      bad.add(error.what());
      continue;
    }
    if (height == 0) {
      height = picture.height;
      width = picture.width;
      auto count = static_cast<std::int64_t>(samples.size());
      if (height * width > small_image || count > largest_in_memory / (3 * height * width)) return false;
    }
    if (picture.height != height || picture.width != width) return false;
    ImageSet& part = sample.test ? test : train;
    part.pixels.insert(part.pixels.end(), picture.pixels.begin(), picture.pixels.end());
    part.labels.push_back(label_of(part, sample.class_name));
  }
  for (ImageSet* part : {&train, &test}) {
    part->height = height;
    part->width = width;
  }
  return true;
}

void keep_files(const std::shared_ptr<const FileTree>& tree, const std::vector<Sample>& samples, ImageSet& train,
                ImageSet& test) {
  for (const Sample& sample : samples) {
    ImageSet& part = sample.test ? test : train;
    part.file_of.push_back(sample.file);
    part.labels.push_back(label_of(part, sample.class_name));
  }
  train.files = test.files = tree;
}

}  // namespace

DataSet load_image_folder(std::shared_ptr<const FileTree> tree, std::int64_t image_size, BadSamples& bad) {
  std::vector<std::string> notes;
  std::vector<Sample> samples = list_samples(*tree, notes);
  ImageSet kind = empty_photographs(samples);
  DataSet data{"image-folder", kind, kind, notes};
  if (!decode_all(*tree, samples, data.train, data.test, bad)) {
    if (image_size == 0) {
      fail(ErrorKind::data, "data.dir", "the images in {} are large or of several sizes: give --image-size",
           tree->path());
    }
    data.train = data.test = kind;
    keep_files(tree, samples, data.train, data.test);
  }
  bool train = data.train.count() > 0, test = data.test.count() > 0;
  if (!train && !test) fail(ErrorKind::data, "data.dir", "{} has no image that can be read", tree->path());
  if (train && test) return data;
  return hold_out_every_fifth("image-folder", train ? data.train : data.test);
}

}  // namespace stint
