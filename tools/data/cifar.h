#pragma once

#include <stint/tools/data/bad_samples.h>
#include <stint/tools/data/image_set.h>

namespace stint {

/// CIFAR-10 or, with `hundred`, CIFAR-100 (fine labels) from the binary release (data_batch_1.bin ..., test_batch.bin;
/// train.bin, test.bin), or from images in folders by class: in a folder or an archive. Errors (ErrorKind::data): as
/// `read_cifar`, or no such files, or some of CIFAR-10's five training batches without the others.
DataSet load_cifar(const std::string& path, bool hundred, BadSamples& bad);

/// Appends the records of one binary file: one label byte (two for CIFAR-100: coarse, fine), then 32x32 pixels of red,
/// of green, of blue. `name` is for errors (ErrorKind::data): a length that is no whole number of records. Labels out
/// of range are bad samples.
void read_cifar(ByteView data, const std::string& name, bool hundred, ImageSet& set, BadSamples& bad);

/// No images yet; size, classes and normalisation.
ImageSet empty_cifar(bool hundred);

}  // namespace stint
