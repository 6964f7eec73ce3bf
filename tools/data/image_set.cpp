#include <fmt/format.h>
#include <stint/runtime/error.h>
#include <stint/runtime/philox.h>
#include <stint/tools/data/image_set.h>
#include <stint/tools/data/sequences.h>

#include <cmath>

namespace stint {

ImageSet empty_like(const ImageSet& images) {
  return {.height = images.height,
          .width = images.width,
          .channels = images.channels,
          .classes = images.classes,
          .mean = images.mean,
          .deviation = images.deviation,
          .white = images.white,
          .files = images.files,
          .class_names = images.class_names};
}

void append_image(ImageSet& images, const ImageSet& from, std::int64_t index) {
  std::int64_t elements = from.image_elements();
  auto take = [&](auto& to, const auto& all) {
    if (!all.empty()) to.insert(to.end(), all.begin() + index * elements, all.begin() + (index + 1) * elements);
  };
  take(images.pixels, from.pixels);
  take(images.features, from.features);
  if (from.files) images.file_of.push_back(from.file_of[index]);
  images.labels.push_back(from.labels[index]);
}

DataSet hold_out_every_fifth(const std::string& name, const ImageSet& images) {
  DataSet data{name, empty_like(images), empty_like(images)};
  for (std::int64_t i = 0; i < images.count(); ++i) append_image(i % 5 == 4 ? data.test : data.train, images, i);
  data.notes.push_back(
      fmt::format("{}: one part is there, of {} samples; every fifth is for testing", name, images.count()));
  return data;
}

void validate_on_share(DataSet& data, double share, std::uint64_t seed) {
  std::int64_t count = data.train.count(), wanted = std::llround(share * static_cast<double>(count));
  if (wanted < 1 || wanted >= count) {
    fail(ErrorKind::usage, "data.val_split", "{} of {} training images is {}, expected at least 1 on either side",
         share, count, wanted);
  }
  std::vector<std::int64_t> order = shuffled_range(count, {seed, validation_sequence});
  std::vector<bool> validation(count);
  for (std::int64_t i = 0; i < wanted; ++i) validation[order[i]] = true;
  ImageSet all = std::move(data.train);
  data.train = empty_like(all);
  data.test = empty_like(all);
  for (std::int64_t i = 0; i < count; ++i) append_image(validation[i] ? data.test : data.train, all, i);
  data.notes.push_back(fmt::format("{}: {} training images are for validation, drawn by the seed", data.name, wanted));
}

}  // namespace stint
