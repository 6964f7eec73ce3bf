#pragma once

#include <stint/tools/data/image_set.h>

namespace stint {

/// Random images with random labels, a function of the seed: for `bench`, `plan` and tests of the machinery. One in
/// eight is a test image.
DataSet make_synthetic(std::int64_t samples, std::int64_t image_size, std::int64_t channels, std::int64_t classes,
                       std::uint64_t seed);

}  // namespace stint
