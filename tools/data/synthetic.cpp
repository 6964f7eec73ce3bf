#include <stint/runtime/philox.h>
#include <stint/tools/data/synthetic.h>

namespace stint {

namespace {

ImageSet random_set(std::int64_t count, std::int64_t size, std::int64_t channels, std::int64_t classes,
                    RandomSequence random) {
  ImageSet set{.height = size,
               .width = size,
               .channels = channels,
               .classes = classes,
               .mean = std::vector<float>(channels, 0.5f),
               .deviation = std::vector<float>(channels, 0.25f),
               .white = 255,
               .pixels = {},
               .labels = {}};
  set.pixels.resize(count * set.image_elements());
  for (std::size_t i = 0; i < set.pixels.size(); ++i) set.pixels[i] = random.word(i) & 255;
  RandomSequence labels{random.seed, random.number + 1};
  for (std::int64_t i = 0; i < count; ++i) set.labels.push_back(static_cast<std::int32_t>(labels.below(i, classes)));
  return set;
}

}  // namespace

DataSet make_synthetic(std::int64_t samples, std::int64_t image_size, std::int64_t channels, std::int64_t classes,
                       std::uint64_t seed) {
  std::int64_t test = (samples + 7) / 8;
  return {"synthetic", random_set(samples - test, image_size, channels, classes, {seed, 0}),
          random_set(test, image_size, channels, classes, {seed, 2})};
}

}  // namespace stint
