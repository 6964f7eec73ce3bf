#include <stint/tests/data/files.h>
#include <stint/tests/temporary_directory.h>
#include <stint/tools/data/configured.h>
#include <stint/tools/data/image_folder.h>
#include <stint/tools/data/synthetic.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstring>

#include "../op_case_tensors.h"

using namespace stint;
using namespace stint::test;

namespace {

const Augmentation everything = {.crop_padding = 2, .hflip = 0.5, .vflip = 0.2, .mixup = 0.4, .cutmix = 0.8};

LoaderOptions augmented(int threads, int rank = 0) {
  return {.batch_size = 12, .seed = 5, .augmentation = everything, .rank = rank, .threads = threads};
}

bool same(const Batch& a, const Batch& b) {
  bool others = a.other_labels ? same_bits(a.other_labels, b.other_labels) : !b.other_labels;
  return others && same_bits(a.images, b.images) && same_bits(a.labels, b.labels) && a.weight == b.weight;
}

}  // namespace

TEST_CASE("batches do not depend on the number of threads or on what was asked before", "[data]") {
  DataSet data = make_synthetic(120, 8, 3, 4, 1);
  Loader plain(data.train, augmented(0));
  std::vector<Batch> expected;
  for (int epoch : {0, 1}) {
    for (int i = 0; i < plain.batches(); ++i) expected.push_back(plain.batch(epoch, i, Device::cpu()));
  }
  CHECK_FALSE(same(expected[0], expected[plain.batches()]));
  for (int threads : {1, 2, 5}) {
    INFO(threads << " threads");
    Loader ahead(data.train, augmented(threads));
    for (int repeat : {0, 1}) {  // the second time it starts again from the beginning
      INFO(repeat);
      std::size_t k = 0;
      for (int epoch : {0, 1}) {
        for (int i = 0; i < ahead.batches(); ++i) CHECK(same(ahead.batch(epoch, i, Device::cpu()), expected[k++]));
      }
    }
    CHECK(same(ahead.batch(1, 3, Device::cpu()), expected[plain.batches() + 3]));
    CHECK(same(ahead.batch(0, 2, Device::cpu()), expected[2]));
  }
  CHECK_FALSE(same(Loader(data.train, augmented(0, 1)).batch(0, 0, Device::cpu()), expected[0]));
}

TEST_CASE("evaluation goes round without starting again", "[data]") {
  DataSet data = make_synthetic(120, 8, 3, 4, 1);
  Loader plain = Loader::in_order(data.test, 4);
  Loader ahead(data.test, {.batch_size = 4, .training = false, .threads = 2});
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < plain.batches(); ++i)
      CHECK(same(ahead.batch(0, i, Device::cpu()), plain.batch(0, i, Device::cpu())));
  }
}

TEST_CASE("what goes wrong on a thread is thrown to who asks", "[data]") {
  std::atomic<int> made = 0;
  Prefetcher prefetcher(2, [&](std::int64_t ticket, HostBatch& batch) {
    ++made;
    if (ticket == 3) fail(ErrorKind::data, "test", "ticket 3");
    batch.labels = {static_cast<std::int32_t>(ticket)};
  });
  auto label = [&](std::int64_t ticket) {
    std::int32_t value = -1;
    prefetcher.take(ticket, [&](const HostBatch& batch) { value = batch.labels[0]; });
    return value;
  };
  for (int i = 0; i < 3; ++i) CHECK(label(i) == i);
  CHECK_THROWS_WITH(label(3), "test: ticket 3");
  CHECK(label(4) == 4);
  CHECK(label(40) == 40);
  CHECK(label(41) == 41);
  CHECK(made >= 7);
}

TEST_CASE("a damaged image that is decoded on use: stop, or the next one in its place", "[data]") {
  TemporaryDirectory directory;
  namespace fs = std::filesystem;
  for (int i = 0; i < 4; ++i) {
    fs::create_directories(directory.path() / "train/a");
    fs::create_directories(directory.path() / "test/a");
    auto name = std::to_string(i) + ".png";
    write_bytes(directory.path() / "train/a" / name, plain_png(4 + i, 4, static_cast<std::uint8_t>(50 * i), 0, 0));
    write_bytes(directory.path() / "test/a" / name, plain_png(4, 4, 0, 0, 0));
  }
  BadSamples stop(false);
  DataSet data = load_image_folder(std::make_shared<FileTree>(directory.path()), 4, stop);
  write_bytes(directory.path() / "train/a/1.png", bytes_of("no"));
  auto red = [](const Batch& batch, int image) { return batch.images.data<float>()[image * 4 * 4 * 3]; };
  LoaderOptions options{.batch_size = 4, .image_size = 4, .seed = 1, .threads = 1};
  Loader first(data.train, options);
  CHECK_THROWS_WITH(first.batch(0, 0, Device::cpu()), Catch::Contains("train/a/1.png cannot be decoded"));
  options.bad = std::make_shared<BadSamples>(true);
  Loader second(data.train, options);
  Batch batch = second.batch(0, 0, Device::cpu());
  std::vector<float> reds;
  for (int i = 0; i < 4; ++i) reds.push_back(red(batch, i));
  std::sort(reds.begin(), reds.end());
  CHECK(std::adjacent_find(reds.begin(), reds.end()) == reds.begin() + 1);  // the third image twice
  for (int epoch = 1; epoch < 4; ++epoch) second.batch(epoch, 0, Device::cpu());
  CHECK(options.bad->count() == 1);  // however often it was wanted
  CHECK_THAT(second.bad_note(), Catch::StartsWith("1 sample was skipped, the first: ") &&
                                    Catch::Contains("train/a/1.png cannot be decoded"));
}

TEST_CASE("in evaluation an image that cannot be decoded is left out, and nothing takes its place", "[data]") {
  TemporaryDirectory directory;
  namespace fs = std::filesystem;
  for (int i = 0; i < 6; ++i) {
    std::string folder = i < 3 ? "test/a" : "test/b";
    fs::create_directories(directory.path() / folder);
    write_bytes(directory.path() / folder / (std::to_string(i) + ".png"), plain_png(4 + i, 4, 0, 0, 0));
  }
  fs::create_directories(directory.path() / "train/a");
  write_bytes(directory.path() / "train/a/0.png", plain_png(4, 4, 0, 0, 0));
  BadSamples stop(false);
  DataSet data = load_image_folder(std::make_shared<FileTree>(directory.path()), 4, stop);
  for (const char* bad : {"test/a/1.png", "test/b/4.png", "test/b/5.png"}) {
    write_bytes(directory.path() / bad, bytes_of("no"));
  }
  for (int threads : {0, 1}) {
    INFO(threads << " threads");
    auto bad = std::make_shared<BadSamples>(true);
    Loader loader(data.test, {.batch_size = 2, .image_size = 4, .training = false, .threads = threads, .bad = bad});
    std::vector<std::vector<std::int32_t>> labels;
    for (std::int64_t i = 0; i < loader.batches(); ++i) {
      Batch batch = loader.batch(0, i, Device::cpu());
      CHECK(batch.images.shape() == Shape{batch.count(), 4, 4, 3});
      auto span = batch.labels.span<std::int32_t>();
      labels.emplace_back(span.begin(), span.end());
    }
    CHECK(labels == std::vector<std::vector<std::int32_t>>{{0}, {0, 1}, {}});
    CHECK(bad->count() == 3);
  }
}

TEST_CASE("the configuration reaches the loader", "[data]") {
  Config config;
  config.data.dataset = "synthetic";
  config.data.samples = 80;
  config.data.image_size = 8;
  config.data.batch_size = 4;
  config.data.mean = "0.25";
  config.data.std = "0.5,0.25,0.125";
  DataSet data = load_dataset(config);
  CHECK(data.train.mean == std::vector<float>{0.25f, 0.25f, 0.25f});
  CHECK(data.train.deviation == std::vector<float>{0.5f, 0.25f, 0.125f});
  config.data.scale = "0.5";
  CHECK_THROWS_WITH(training_options(config, data.train), Catch::Contains("data.scale: expected LOW,HIGH"));
  CHECK(test_options(Config()).crop_share == 1);
  config.data.scale = "0.5,1";
  CHECK(test_options(config).crop_share == 0.875);
  config.data.hflip = 0.5;
  LoaderOptions options = training_options(config, data.train);
  CHECK(options.augmentation.scale_low == 0.5);
  CHECK(options.augmentation.hflip == 0.5);
  CHECK(options.samples.empty());
  config.data.val_split = 0.1;
  DataSet split = load_dataset(config);
  CHECK(split.test.count() == 7);
  CHECK(split.train.count() == 63);
  CHECK(load_dataset(config).test.pixels == split.test.pixels);
  config.seed = 43;
  CHECK(load_dataset(config).test.pixels != split.test.pixels);
  config.data.dir = "some";
  CHECK_THROWS_WITH(load_dataset(config), Catch::StartsWith("data.dir: synthetic needs no files, got --data-dir some"));
  config.data.dir = "";
  config.data.dataset = "mnist";
  CHECK_THROWS_WITH(load_dataset(config), "data.dir: mnist needs --data-dir: its folder or file");
}
