#include <stint/runtime/error.h>
#include <stint/tools/data/image_folder.h>
#include <stint/tools/data/picture.h>

#include <algorithm>
#include <map>
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

bool names_test(const std::string& folder) {
  return folder == "test" || folder == "val" || folder == "valid" || folder == "validation";
}

/// How many folders all paths have in common and may be left out: a class and a file remain.
std::size_t common_folders(const std::vector<std::vector<std::string>>& paths) {
  std::size_t depth = 0;
  auto goes_deeper = [&](const std::vector<std::string>& path) {
    return path.size() > depth + 2 && path[depth] == paths[0][depth] && path[depth] != "train" &&
           !names_test(path[depth]);
  };
  while (std::all_of(paths.begin(), paths.end(), goes_deeper)) ++depth;
  return depth;
}

std::vector<Sample> list_samples(const FileTree& tree) {
  std::vector<std::int64_t> files;
  std::vector<std::vector<std::string>> paths;
  for (std::int64_t i = 0; i < tree.count(); ++i) {
    if (!is_picture_name(tree.name(i))) continue;
    files.push_back(i);
    paths.push_back(split_path(tree.name(i)));
  }
  if (files.empty()) fail(ErrorKind::data, "data.dir", "{} has no JPEG or PNG images", tree.path());
  std::size_t skip = common_folders(paths);
  bool parts = std::all_of(paths.begin(), paths.end(), [&](const auto& path) {
    return path.size() > skip + 2 && (path[skip] == "train" || names_test(path[skip]));
  });
  std::vector<Sample> samples;
  for (std::size_t i = 0; i < files.size(); ++i) {
    std::size_t at = skip + parts;
    if (paths[i].size() < at + 2) {
      fail(ErrorKind::data, "data.dir", "{} lies in no folder that names its class", tree.place(files[i]));
    }
    samples.push_back({files[i], parts && names_test(paths[i][skip]), paths[i][at]});
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
  std::vector<Sample> samples = list_samples(*tree);
  ImageSet kind = empty_photographs(samples);
  DataSet data{"image-folder", kind, kind};
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
