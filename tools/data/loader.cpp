#include <stint/runtime/philox.h>
#include <stint/tools/data/loader.h>

#include <numeric>

namespace stint {

namespace {

/// Sequences for the order of an epoch are numbered from here on, away from those a run draws (dropout).
constexpr std::uint64_t order_sequences = std::uint64_t{1} << 61;

}  // namespace

Loader Loader::shuffled(const ImageSet& images, std::int64_t batch_size, std::uint64_t seed) {
  if (images.count() < batch_size) {
    fail(ErrorKind::usage, "data", "a batch of {} needs at least as many training images, there are {}", batch_size,
         images.count());
  }
  return Loader(images, batch_size, true, seed);
}

Loader Loader::sharded(const ImageSet& images, std::int64_t batch_size, std::uint64_t seed, std::int64_t first,
                       std::int64_t together) {
  Loader loader = shuffled(images, together, seed);
  loader.batch_size_ = batch_size;
  loader.first_ = first;
  return loader;
}

Loader Loader::in_order(const ImageSet& images, std::int64_t batch_size) {
  return Loader(images, batch_size, false, 0);
}

Loader::Loader(const ImageSet& images, std::int64_t batch_size, bool shuffle, std::uint64_t seed)
    : images_(&images),
      batch_size_(batch_size),
      shuffle_(shuffle),
      together_(batch_size),
      seed_(seed),
      order_(images.count()) {
  require(batch_size >= 1, "data", "expected a batch of at least 1, got {}", batch_size);
  batches_ = shuffle ? images.count() / batch_size : (images.count() + batch_size - 1) / batch_size;
  std::iota(order_.begin(), order_.end(), std::int64_t{0});
}

void Loader::arrange(std::int64_t epoch) {
  if (!shuffle_ || epoch == arranged_epoch_) return;
  std::iota(order_.begin(), order_.end(), std::int64_t{0});
  RandomSequence random{seed_, order_sequences + static_cast<std::uint64_t>(epoch)};
  for (std::size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[random.below(i, i)]);  // Fisher-Yates
  arranged_epoch_ = epoch;
}

Batch Loader::batch(std::int64_t epoch, std::int64_t index, Device device) {
  require(index >= 0 && index < batches_, "data", "expected a batch in [0, {}), got {}", batches_, index);
  arrange(epoch);
  std::int64_t begin = index * together_ + first_;
  std::int64_t count = std::min(batch_size_, images_->count() - begin);
  std::int64_t elements = images_->image_elements();
  Batch batch{Tensor({count, images_->height, images_->width, images_->channels}, DType::f32, device),
              Tensor({count}, DType::i32, device)};
  if (device.type == Device::Type::null) return batch;

  bool here = device.type == Device::Type::cpu;
  Batch staged = here ? batch : Batch{Tensor(batch.images.shape(), DType::f32), Tensor({count}, DType::i32)};
  std::vector<float> gain, offset;
  for (std::int64_t c = 0; c < images_->channels; ++c) {
    gain.push_back(1 / (images_->white * images_->deviation[c]));
    offset.push_back(-images_->mean[c] / images_->deviation[c]);
  }
  for (std::int64_t n = 0; n < count; ++n) {
    std::int64_t sample = order_[begin + n];
    const std::uint8_t* source = images_->pixels.data() + sample * elements;
    float* target = staged.images.data<float>() + n * elements;
    for (std::int64_t i = 0; i < elements; ++i) {
      std::int64_t c = i % images_->channels;
      target[i] = source[i] * gain[c] + offset[c];
    }
    staged.labels.data<std::int32_t>()[n] = images_->labels[sample];
  }
  if (!here) {
    batch.images.copy_from(staged.images);
    batch.labels.copy_from(staged.labels);
  }
  return batch;
}

}  // namespace stint
