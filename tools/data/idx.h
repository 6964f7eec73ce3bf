#pragma once

#include <stint/tools/data/bad_samples.h>
#include <stint/tools/data/image_set.h>

namespace stint {

/// MNIST and its like: IDX files of grey images and of labels, plain, .gz or .xz. `path` is a folder with the four
/// files under their usual names (in any of its folders), an archive of them, or one file of images whose labels lie
/// beside it. Where the training or the test files are missing, the others are split. Errors (ErrorKind::data): no such
/// files, damaged ones.
DataSet load_mnist(const std::string& path, BadSamples& bad);

/// The images of one IDX file and the labels of another. Names are for errors (ErrorKind::data): another magic number,
/// sizes of 0 or more than 4096, a length that is not what the header says, different counts. Labels over 9 are bad
/// samples.
ImageSet read_idx(ByteView images, const std::string& images_name, ByteView labels, const std::string& labels_name,
                  BadSamples& bad);

}  // namespace stint
