#include <stint/runtime/error.h>
#include <stint/tools/config/number_list.h>
#include <stint/tools/data/cifar.h>
#include <stint/tools/data/configured.h>
#include <stint/tools/data/digits.h>
#include <stint/tools/data/idx.h>
#include <stint/tools/data/image_folder.h>
#include <stint/tools/data/input_recipe.h>
#include <stint/tools/data/libsvm.h>
#include <stint/tools/data/shards.h>
#include <stint/tools/data/synthetic.h>

#include <algorithm>
#include <tuple>

namespace stint {

namespace {

std::int64_t or_else(std::int64_t value, std::int64_t fallback) {
  return value > 0 ? value : fallback;
}

DataSet make_configured_synthetic(const Config& config) {
  const auto& d = config.data;
  return make_synthetic(or_else(d.samples, 8 * d.batch_size + 8), or_else(d.image_size, 32), or_else(d.channels, 3),
                        or_else(d.num_classes, 10), static_cast<std::uint64_t>(config.seed));
}

DataSet load_files(const Config& config, BadSamples& bad) {
  const auto& d = config.data;
  if (d.dir.empty()) fail(ErrorKind::usage, "data.dir", "{} needs --data-dir: its folder or file", d.dataset);
  if (d.dataset == "mnist") return load_mnist(d.dir, bad);
  if (d.dataset == "libsvm") return load_libsvm(d.dir, bad);
  if (d.dataset == "image-folder") return load_image_folder(std::make_shared<FileTree>(d.dir), d.image_size, bad);
  return load_cifar(d.dir, d.dataset == "cifar100", bad);
}

/// `--mean` and `--std`: one number for all channels, or one a channel.
void replace(std::vector<float>& values, const std::string& text, const char* option) {
  if (text.empty()) return;
  std::vector<double> given = *read_number_list(text);
  if (given.size() != 1 && given.size() != values.size()) {
    fail(ErrorKind::usage, option, "expected 1 or {} numbers, got {}", values.size(), given.size());
  }
  for (std::size_t c = 0; c < values.size(); ++c) values[c] = static_cast<float>(given[given.size() == 1 ? 0 : c]);
}

Augmentation augmentation_of(const Config::Data& d) {
  Augmentation a{
      .crop_padding = d.crop_padding, .hflip = d.hflip, .vflip = d.vflip, .mixup = d.mixup, .cutmix = d.cutmix};
  if (!d.scale.empty()) std::tie(a.scale_low, a.scale_high) = read_range(d.scale, "data.scale");
  if (!d.ratio.empty()) std::tie(a.ratio_low, a.ratio_high) = read_range(d.ratio, "data.ratio");
  if (a.scale_high > 1) fail(ErrorKind::usage, "data.scale", "expected shares up to 1, got {}", d.scale);
  return a;
}

/// Rows of features are taken as they are.
void refuse_picture_options(const Config::Data& d) {
  Config::Data none;
  for (auto [given, flag] : {std::pair(d.mean != none.mean, "--mean"), std::pair(d.std != none.std, "--std"),
                             std::pair(d.hflip > 0, "--hflip"), std::pair(d.vflip > 0, "--vflip"),
                             std::pair(d.crop_padding > 0, "--crop-padding"), std::pair(!d.scale.empty(), "--scale")}) {
    if (given) fail(ErrorKind::usage, "data.dataset", "{} has features, not pictures: leave out {}", d.dataset, flag);
  }
}

}  // namespace

DataSet load_dataset(const Config& config) {
  const auto& d = config.data;
  BadSamples bad(d.bad_samples == "skip");
  bool files = d.dataset != "digits" && d.dataset != "synthetic";
  if (!files && !d.dir.empty()) {
    fail(ErrorKind::usage, "data.dir", "{} needs no files, got --data-dir {}: name their --dataset, or leave it out",
         d.dataset, d.dir);
  }
  DataSet data = files                   ? load_files(config, bad)
                 : d.dataset == "digits" ? load_digits()
                                         : make_configured_synthetic(config);
  if (bad.count() > 0) data.notes.push_back(bad.note());
  if (d.val_split > 0) validate_on_share(data, d.val_split, static_cast<std::uint64_t>(config.seed));
  if (!data.train.features.empty()) refuse_picture_options(d);
  if (data.test.count() == 0) {
    fail(ErrorKind::data, "data.dir", "{} has {} samples, of which none is for testing: expected 5, or --val-split",
         d.dir, data.train.count());
  }
  for (ImageSet* part : {&data.train, &data.test}) {
    set_mean_and_deviation(config, part->mean, part->deviation);
  }
  return data;
}

void set_mean_and_deviation(const Config& config, std::vector<float>& mean, std::vector<float>& deviation) {
  replace(mean, config.data.mean, "data.mean");
  replace(deviation, config.data.std, "data.std");
  if (std::any_of(deviation.begin(), deviation.end(), [](float d) { return !(d > 0); })) {
    fail(ErrorKind::usage, "data.std", "expected numbers above 0, got {}", config.data.std);
  }
}

std::vector<std::vector<std::int64_t>> configured_shards(const Config& config, const ImageSet& train, int workers) {
  return make_shards(train.labels, train.classes, workers, parse_shard_rule(config.data.shard),
                     static_cast<std::uint64_t>(config.seed));
}

LoaderOptions training_options(const Config& config, const ImageSet& train, const LoaderPart& part) {
  LoaderOptions options{.batch_size = or_else(part.batch_size, config.data.batch_size),
                        .image_size = config.data.image_size,
                        .seed = static_cast<std::uint64_t>(config.seed),
                        .augmentation = augmentation_of(config.data),
                        .rank = part.rank,
                        .threads = static_cast<int>(config.data.loader_threads)};
  if (config.data.bad_samples == "skip") options.bad = std::make_shared<BadSamples>(true);
  bool iid = parse_shard_rule(config.data.shard).kind == ShardRule::Kind::iid;
  if (part.workers == 1 || iid) {
    options.together = part.together;
    options.first = part.first;
    return options;
  }
  if (options.batch_size * part.workers != part.together) {
    fail(ErrorKind::usage, "data.shard", "workers of unequal batches share out one order: expected iid, got {}",
         config.data.shard);
  }
  auto shards = configured_shards(config, train, part.workers);
  auto smaller = [](const auto& a, const auto& b) { return a.size() < b.size(); };
  auto smallest = static_cast<std::int64_t>(std::min_element(shards.begin(), shards.end(), smaller)->size());
  if (smallest < options.batch_size) {
    fail(ErrorKind::usage, "data.shard",
         "a batch of {} needs at least as many images a worker, the smallest shard has {}", options.batch_size,
         smallest);
  }
  options.batches = smallest / options.batch_size;
  options.samples = std::move(shards[part.rank]);
  return options;
}

std::int64_t steps_of_epoch(const Config& config, const Loader& train) {
  std::int64_t steps = train.batches() / config.optim.grad_accum_steps;
  if (steps < 1) {
    fail(ErrorKind::usage, "optim.grad_accum_steps", "an epoch has {} batches, fewer than the {} of a step",
         train.batches(), config.optim.grad_accum_steps);
  }
  return steps;
}

LoaderOptions test_options(const Config& config, bool ahead) {
  return {.batch_size = config.data.batch_size,
          .image_size = config.data.image_size,
          .training = false,
          .crop_share = crop_share(config),
          .threads = ahead ? static_cast<int>(config.data.loader_threads) : 0,
          .bad = config.data.bad_samples == "skip" ? std::make_shared<BadSamples>(true) : nullptr};
}

}  // namespace stint
