#pragma once

#include <stint/runtime/tensor.h>
#include <stint/tools/data/image_set.h>

#include <vector>

namespace stint {

/// images [N,H,W,C] f32, normalised; labels [N] i32.
struct Batch {
  Tensor images;
  Tensor labels;

  std::int64_t count() const { return images.shape()[0]; }
};

/// Cuts an image set into batches. What a batch holds is a pure function of (seed, epoch, index).
class Loader {
 public:
  /// Training order: shuffled anew every epoch; an incomplete last batch is left out.
  static Loader shuffled(const ImageSet& images, std::int64_t batch_size, std::uint64_t seed);
  /// The same for one of several workers: of every `together` images of an epoch's order the `batch_size` from `first`
  /// on.
  static Loader sharded(const ImageSet& images, std::int64_t batch_size, std::uint64_t seed, std::int64_t first,
                        std::int64_t together);
  /// Evaluation order: as stored; the last batch may be smaller.
  static Loader in_order(const ImageSet& images, std::int64_t batch_size);

  std::int64_t batches() const { return batches_; }
  std::int64_t batch_size() const { return batch_size_; }

  /// Batch `index` of an epoch, on `device`.
  Batch batch(std::int64_t epoch, std::int64_t index, Device device);

 private:
  Loader(const ImageSet& images, std::int64_t batch_size, bool shuffle, std::uint64_t seed);
  void arrange(std::int64_t epoch);

  const ImageSet* images_;
  std::int64_t batch_size_;
  bool shuffle_;
  std::int64_t first_ = 0, together_;
  std::uint64_t seed_;
  std::int64_t batches_;
  std::int64_t arranged_epoch_ = -1;
  std::vector<std::int64_t> order_;
};

}  // namespace stint
