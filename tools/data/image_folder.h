#pragma once

#include <stint/tools/data/bad_samples.h>
#include <stint/tools/data/image_set.h>

namespace stint {

/// JPEG and PNG files in folders by class, in `train/` and `test/` (or `val/`; other usual names are known too), or
/// without these, and then every fifth is for testing. Of several test folders the first of `test`, `testing`, `val`,
/// `valid`, `validation` is used and the others are noted as left out. A few folders that all names have in common may
/// stand before that. Small images of one size are decoded at once and stay in memory; others are decoded when they are
/// used, and then need an `image_size` (not 0). Errors (ErrorKind::data): no images; images of several sizes without an
/// image size; an image outside PART/CLASS/ where others lie in folders of parts.
DataSet load_image_folder(std::shared_ptr<const FileTree> tree, std::int64_t image_size, BadSamples& bad);

}  // namespace stint
