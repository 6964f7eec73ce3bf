#pragma once

#include <stint/tools/data/bad_samples.h>
#include <stint/tools/data/image_set.h>

namespace stint {

/// Rows of LIBSVM text as images of one pixel with a channel a feature, [N,1,1,D]; D is the largest index of both
/// parts, classes are the labels that occur, in order. `path` is a file (plain, .gz or .xz), whose test part is
/// `path`.t where that exists. Errors (ErrorKind::data): unreadable, no rows, more than 2^31 numbers or 65,536 features
/// or 1000 classes. A malformed line is a bad sample.
DataSet load_libsvm(const std::string& path, BadSamples& bad);

/// One row: a label and (index, value) pairs, indices from 1 and ascending.
struct LibsvmRow {
  double label = 0;
  std::vector<std::pair<std::int64_t, float>> features;
};

/// The rows of a text; lines that are empty or begin with # are left out. `name` is for errors.
std::vector<LibsvmRow> parse_libsvm(std::string_view text, const std::string& name, BadSamples& bad);

}  // namespace stint
