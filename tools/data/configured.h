#pragma once

#include <stint/tools/config/config.h>
#include <stint/tools/data/loader.h>

namespace stint {

/// The data set that a configuration names, with its validation split. Errors: ErrorKind::usage for what is missing in
/// the configuration, ErrorKind::data for what is wrong with the files.
DataSet load_dataset(const Config& config);

/// How the configuration's `sync.workers` divide the training images.
std::vector<std::vector<std::int64_t>> configured_shards(const Config& config, const ImageSet& train);

/// How worker `rank` reads its shard of the training images; every worker has equally many batches.
LoaderOptions training_options(const Config& config, const ImageSet& train, int rank = 0);

/// How test images are read; with threads ahead of the step only if `ahead`.
LoaderOptions test_options(const Config& config, bool ahead = true);

}  // namespace stint
