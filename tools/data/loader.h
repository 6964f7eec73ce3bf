#pragma once

#include <stint/runtime/tensor.h>
#include <stint/tools/data/augment.h>
#include <stint/tools/data/bad_samples.h>
#include <stint/tools/data/image_set.h>
#include <stint/tools/data/normalise.h>
#include <stint/tools/data/prefetcher.h>

#include <memory>
#include <vector>

namespace stint {

/// images [N,H,W,C] f32, normalised; labels [N] i32. A mixed batch (mixup, cutmix) has a second label for each image;
/// the first one counts `weight`.
struct Batch {
  Tensor images;
  Tensor labels;
  Tensor other_labels = {};
  float weight = 1;

  std::int64_t count() const { return images.shape()[0]; }
};

struct LoaderOptions {
  std::int64_t batch_size = 64;
  std::int64_t image_size = 0;  ///< height and width of the batches; 0: as stored
  bool training = true;         ///< shuffled anew every epoch, augmented, an incomplete last batch left out
  std::uint64_t seed = 0;
  Augmentation augmentation = {};          ///< of training
  double crop_share = 0.875;               ///< of test images that have another size than the batches
  std::int64_t together = 0;               ///< images of a step of all workers, who cut one order; 0: the batch alone
  std::int64_t first = 0;                  ///< of those, the first one of this worker
  int rank = 0;                            ///< in training: who draws, of all workers of the run
  std::vector<std::int64_t> samples = {};  ///< the rank's shard: which images; empty: all
  std::int64_t batches = 0;  ///< most of an epoch, so that all ranks have equally many; 0: all that are full
  int threads = 0;           ///< that make batches ahead of the step; 0: made when asked for
  std::shared_ptr<BadSamples> bad = nullptr;  ///< for images that are decoded on use; without it the first one throws
};

/// Cuts an image set into batches. What a batch holds is a pure function of (seed, epoch, rank, index), whatever the
/// number of threads. The set must outlive it.
class Loader {
 public:
  Loader(const ImageSet& images, LoaderOptions options);
  /// Training order, as stored otherwise.
  static Loader shuffled(const ImageSet& images, std::int64_t batch_size, std::uint64_t seed);
  /// Evaluation order: as stored; the last batch may be smaller.
  static Loader in_order(const ImageSet& images, std::int64_t batch_size);

  std::int64_t batches() const { return batches_; }
  std::int64_t batch_size() const { return options_.batch_size; }

  /// Batch `index` of an epoch, on `device`. Images that are decoded on use and cannot be are replaced by others in
  /// training; in evaluation the batch has fewer, perhaps none.
  Batch batch(std::int64_t epoch, std::int64_t index, Device device);

  /// Time that `batch` has taken in all, waiting included.
  double wait_seconds() const { return wait_seconds_; }

  /// What was skipped of images that are decoded on use; empty if nothing.
  std::string bad_note() const { return options_.bad ? options_.bad->note() : ""; }

 private:
  using Order = std::vector<std::int64_t>;

  std::int64_t samples() const;
  std::int64_t first_of(std::int64_t index) const;
  std::int64_t count_of(std::int64_t index) const;
  std::shared_ptr<const Order> order_of(std::int64_t epoch);
  /// Any number of threads may be in here.
  void fill(std::int64_t epoch, std::int64_t index, HostBatch& batch);
  void mix(std::int64_t epoch, std::int64_t index, HostBatch& batch) const;
  PictureView view(std::int64_t sample, Picture& decoded, std::int64_t& used);
  void take(std::int64_t epoch, std::int64_t index, const std::function<void(const HostBatch&)>& use);

  const ImageSet* images_;
  LoaderOptions options_;
  std::int64_t height_, width_;
  std::int64_t batches_;
  Normaliser normalise_;
  std::mutex order_mutex_;
  std::int64_t arranged_epoch_ = -1;
  std::shared_ptr<const Order> order_;
  HostBatch own_;
  double wait_seconds_ = 0;
  std::unique_ptr<Prefetcher> prefetcher_;  // last, so that its threads end first
};

/// What was skipped of either, a line each; empty if nothing.
std::string bad_notes(const Loader& train, const Loader& test);

}  // namespace stint
