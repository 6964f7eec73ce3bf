#pragma once

#include <stint/tools/config/config.h>
#include <stint/tools/data/loader.h>

namespace stint {

/// The data set that a configuration names, with its validation split. Errors: ErrorKind::usage for what is missing in
/// the configuration or has no effect, ErrorKind::data for what is wrong with the files, also where
/// none of their samples are for testing.
DataSet load_dataset(const Config& config);

/// Puts `--mean` and `--std`, where they are given, in the place of a data set's own. Errors (ErrorKind::usage):
/// another number of channels, a deviation of 0.
void set_mean_and_deviation(const Config& config, std::vector<float>& mean, std::vector<float>& deviation);

/// How so many workers divide the training images. Where the configuration says `iid` the images are shared out anew in
/// every epoch: then these are only like what a worker has.
std::vector<std::vector<std::int64_t>> configured_shards(const Config& config, const ImageSet& train, int workers);

/// One of the workers of a run, and which images of a step are its own.
struct LoaderPart {
  int rank = 0, workers = 1;
  std::int64_t batch_size = 0;  ///< 0: the configuration's
  std::int64_t first = 0;       ///< of the worker's images among those of a step
  std::int64_t together = 0;    ///< images of a step of all workers; 0: the worker's alone
};

/// How a worker reads the training images: its part of every step of a common order (`iid`), or its own shard, of which
/// every worker then uses equally many batches. Errors (ErrorKind::usage): a shard smaller than a batch; unequal
/// batches of shards.
LoaderOptions training_options(const Config& config, const ImageSet& train, const LoaderPart& part = {});

/// Steps of an epoch, of `optim.grad_accum_steps` batches each; batches that are left over are not used. Errors
/// (ErrorKind::usage): fewer batches than a step has.
std::int64_t steps_of_epoch(const Config& config, const Loader& train);

/// How test images are read; with threads ahead of the step only if `ahead`.
LoaderOptions test_options(const Config& config, bool ahead = true);

}  // namespace stint
