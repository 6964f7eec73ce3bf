#include <stint/tools/data/loader.h>
#include <stint/tools/data/sequences.h>

#include <chrono>
#include <cstring>
#include <numeric>

namespace stint {

namespace {

std::uint64_t of_rank(std::uint64_t sequences, int rank, int bits) {
  return sequences + (static_cast<std::uint64_t>(rank) << bits);
}

}  // namespace

Loader Loader::shuffled(const ImageSet& images, std::int64_t batch_size, std::uint64_t seed) {
  return Loader(images, {.batch_size = batch_size, .seed = seed});
}

Loader Loader::in_order(const ImageSet& images, std::int64_t batch_size) {
  return Loader(images, {.batch_size = batch_size, .training = false});
}

Loader::Loader(const ImageSet& images, LoaderOptions options)
    : images_(&images),
      options_(std::move(options)),
      height_(options_.image_size > 0 ? options_.image_size : images.height),
      width_(options_.image_size > 0 ? options_.image_size : images.width),
      normalise_(images.mean, images.deviation, images.white) {
  if (options_.together == 0) options_.together = options_.batch_size;
  std::int64_t size = options_.together, count = samples();
  require(options_.batch_size >= 1, "data", "expected a batch of at least 1, got {}", options_.batch_size);
  if (options_.training && count < size) {
    fail(ErrorKind::usage, "data", "a batch of {} needs at least as many training images, there are {}", size, count);
  }
  if (!images.features.empty() && (height_ != 1 || width_ != 1)) {
    fail(ErrorKind::usage, "data.image_size", "rows of features have no size, got {}", options_.image_size);
  }
  batches_ = options_.training ? count / size : (count + size - 1) / size;
  if (options_.batches > 0) batches_ = std::min(batches_, options_.batches);
}

std::int64_t Loader::samples() const {
  return options_.samples.empty() ? images_->count() : static_cast<std::int64_t>(options_.samples.size());
}

std::int64_t Loader::first_of(std::int64_t index) const {
  return index * options_.together + options_.first;
}

std::int64_t Loader::count_of(std::int64_t index) const {
  return std::min(options_.batch_size, samples() - first_of(index));
}

std::shared_ptr<const Loader::Order> Loader::order_of(std::int64_t epoch) {
  std::lock_guard lock(order_mutex_);
  if (!options_.training) epoch = 0;
  if (epoch == arranged_epoch_) return order_;
  Order order(samples());
  if (options_.training) {
    int drawn_by = options_.samples.empty() ? 0 : options_.rank;  // an order that is cut is the same for all workers
    order = shuffled_range(samples(),
                           {options_.seed, of_rank(order_sequences, drawn_by, 40) + static_cast<std::uint64_t>(epoch)});
  } else {
    std::iota(order.begin(), order.end(), std::int64_t{0});
  }
  if (!options_.samples.empty()) {
    for (std::int64_t& place : order) place = options_.samples[place];
  }
  arranged_epoch_ = epoch;
  return order_ = std::make_shared<const Order>(std::move(order));
}

/// Of images that are decoded on use, one that cannot be is replaced by the next in the set in training; in evaluation
/// nothing takes its place: the view is empty.
PictureView Loader::view(std::int64_t sample, Picture& decoded, std::int64_t& used) {
  used = sample;
  if (!images_->files) {
    return {images_->pixels.data() + sample * images_->image_elements(), images_->height, images_->width,
            images_->channels};
  }
  for (std::int64_t tries = 0; tries < (options_.training ? images_->count() : 1); ++tries) {
    used = (sample + tries) % images_->count();
    std::int64_t file = images_->file_of[used];
    try {
      decoded = decode_picture(images_->files->read(file), images_->files->place(file));
      return decoded.view();
    } catch (const Error& error) {
      if (!options_.bad) throw;
      options_.bad->add(error.what());
    }
  }
  if (options_.training) fail(ErrorKind::data, "data", "no image can be decoded");
  return {};
}

void Loader::fill(std::int64_t epoch, std::int64_t index, HostBatch& batch) {
  std::int64_t begin = first_of(index), count = count_of(index), made = 0;
  std::int64_t elements = height_ * width_ * images_->channels;
  auto order = order_of(epoch);
  batch.images.resize(count * elements);
  batch.labels.resize(count);
  Bytes bytes(elements);
  Picture decoded;
  for (std::int64_t n = 0; n < count; ++n) {
    std::int64_t sample = (*order)[begin + n];
    float* to = batch.images.data() + made * elements;
    if (!images_->features.empty()) {
      std::memcpy(to, images_->features.data() + sample * elements, elements * sizeof(float));
    } else {
      PictureView picture = view(sample, decoded, sample);
      if (!picture.pixels) continue;
      if (options_.training) {
        auto place = static_cast<std::uint64_t>(epoch * samples() + begin + n);
        RandomSequence random{options_.seed, of_rank(augment_sequences, options_.rank, 48) + place};
        training_view(picture, options_.augmentation, random, height_, width_, bytes.data());
      } else {
        test_view(picture, options_.crop_share, height_, width_, bytes.data());
      }
      normalise_(bytes.data(), elements, to);
    }
    batch.labels[made++] = images_->labels[sample];
  }
  batch.images.resize(made * elements);
  batch.labels.resize(made);
  if (options_.training) mix(epoch, index, batch);
}

void Loader::mix(std::int64_t epoch, std::int64_t index, HostBatch& batch) const {
  const Augmentation& a = options_.augmentation;
  batch.other_labels.clear();
  batch.weight = 1;
  if (a.mixup <= 0 && a.cutmix <= 0) return;
  auto number = static_cast<std::uint64_t>(epoch * batches_ + index);
  Mix drawn = draw_mix(a, {options_.seed, of_rank(mix_sequences, options_.rank, 48) + number}, height_, width_);
  apply_mix(drawn, static_cast<std::int64_t>(batch.labels.size()), height_, width_, images_->channels,
            batch.images.data());
  batch.other_labels.assign(batch.labels.rbegin(), batch.labels.rend());
  batch.weight = drawn.weight;
}

void Loader::take(std::int64_t epoch, std::int64_t index, const std::function<void(const HostBatch&)>& use) {
  if (options_.threads == 0) {
    fill(epoch, index, own_);
    return use(own_);
  }
  if (!prefetcher_) {
    auto make = [this](std::int64_t ticket, HostBatch& into) { fill(ticket / batches_, ticket % batches_, into); };
    prefetcher_ = std::make_unique<Prefetcher>(options_.threads, make);
  }
  std::int64_t ticket = epoch * batches_ + index;
  if (!options_.training && prefetcher_->next() % batches_ == index) ticket = prefetcher_->next();  // epochs are equal
  prefetcher_->take(ticket, use);
}

Batch Loader::batch(std::int64_t epoch, std::int64_t index, Device device) {
  require(index >= 0 && index < batches_, "data", "expected a batch in [0, {}), got {}", batches_, index);
  auto start = std::chrono::steady_clock::now();
  const Augmentation& a = options_.augmentation;
  bool mixed = options_.training && (a.mixup > 0 || a.cutmix > 0);
  auto batch_of = [&](std::int64_t count) {
    Shape shape{count, height_, width_, images_->channels};
    Batch batch{Tensor(shape, DType::f32, device), Tensor({count}, DType::i32, device)};
    if (mixed) batch.other_labels = Tensor({count}, DType::i32, device);
    if (mixed) batch.weight = 0.5f;
    return batch;
  };
  if (device.type == Device::Type::null) return batch_of(count_of(index));

  auto put = [](const auto& values, const Tensor& to) {
    bool here = to.device().type == Device::Type::cpu;
    Tensor staged = here ? to : Tensor(to.shape(), to.dtype());
    if (!values.empty()) std::memcpy(staged.raw(), values.data(), staged.bytes());
    if (!here) to.copy_from(staged);
  };
  Batch batch;
  take(epoch, index, [&](const HostBatch& host) {
    batch = batch_of(static_cast<std::int64_t>(host.labels.size()));
    put(host.images, batch.images);
    put(host.labels, batch.labels);
    if (mixed) put(host.other_labels, batch.other_labels);
    batch.weight = host.weight;
  });
  wait_seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return batch;
}

std::string bad_notes(const Loader& train, const Loader& test) {
  std::string note = train.bad_note(), of_test = test.bad_note();
  if (of_test.empty()) return note;
  return note + (note.empty() ? "" : "\n") + "test images: " + of_test;
}

}  // namespace stint
