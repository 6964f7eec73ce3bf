#include <stint/runtime/error.h>
#include <stint/tools/data/configured.h>
#include <stint/tools/data/gamma.h>
#include <stint/tools/data/shards.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

using namespace stint;

namespace {

std::vector<std::int32_t> labels_of(int count, int classes) {
  std::vector<std::int32_t> labels;
  for (int i = 0; i < count; ++i) labels.push_back(i * 7 % classes);
  return labels;
}

std::set<std::int32_t> classes_in(const std::vector<std::int64_t>& shard, const std::vector<std::int32_t>& labels) {
  std::set<std::int32_t> found;
  for (std::int64_t sample : shard) found.insert(labels[sample]);
  return found;
}

}  // namespace

TEST_CASE("every sample is in exactly one shard, whatever the rule", "[data]") {
  auto labels = labels_of(1003, 10);
  for (const char* rule : {"iid", "sorted", "classes:2", "dirichlet:0.5", "dirichlet:100"}) {
    for (int workers : {1, 2, 4, 7}) {
      INFO(rule << ", " << workers << " workers");
      auto shards = make_shards(labels, 10, workers, parse_shard_rule(rule), 3);
      CHECK(shards.size() == static_cast<std::size_t>(workers));
      CHECK(shards == make_shards(labels, 10, workers, parse_shard_rule(rule), 3));
      if (workers > 1) CHECK(shards != make_shards(labels, 10, workers, parse_shard_rule(rule), 4));
      std::vector<std::int64_t> all;
      for (const auto& shard : shards) all.insert(all.end(), shard.begin(), shard.end());
      std::sort(all.begin(), all.end());
      REQUIRE(all.size() == labels.size());
      for (std::size_t i = 0; i < all.size(); ++i) REQUIRE(all[i] == static_cast<std::int64_t>(i));
    }
  }
}

TEST_CASE("what each rule makes of the classes", "[data]") {
  auto labels = labels_of(1000, 10);
  for (const auto& shard : make_shards(labels, 10, 5, parse_shard_rule("iid"), 1)) {
    CHECK(shard.size() == 200);
    CHECK(classes_in(shard, labels).size() == 10);
  }
  auto sorted = make_shards(labels, 10, 5, parse_shard_rule("sorted"), 1);
  for (int w = 0; w < 5; ++w) CHECK(classes_in(sorted[w], labels) == std::set<std::int32_t>{2 * w, 2 * w + 1});
  for (const auto& shard : make_shards(labels, 10, 5, parse_shard_rule("classes:2"), 1)) {
    CHECK(shard.size() == 200);
    CHECK(classes_in(shard, labels).size() <= 2);
  }
  auto share_of_largest = [&](const char* rule) {
    double largest = 0;
    for (const auto& shard : make_shards(labels, 10, 5, parse_shard_rule(rule), 1)) {
      std::vector<int> counts(10);
      for (std::int64_t sample : shard) ++counts[labels[sample]];
      largest += *std::max_element(counts.begin(), counts.end()) / static_cast<double>(shard.size()) / 5;
    }
    return largest;
  };
  CHECK(share_of_largest("dirichlet:0.1") > 0.3);
  CHECK(share_of_largest("dirichlet:1000") < 0.15);
}

TEST_CASE("a gamma draw has its mean and variance", "[data]") {
  for (double alpha : {0.2, 1.0, 4.5}) {
    std::uint64_t at = 0;
    double sum = 0, square = 0;
    constexpr int draws = 20000;
    for (int i = 0; i < draws; ++i) {
      double value = draw_gamma(alpha, {9, 1}, at);
      sum += value;
      square += value * value;
    }
    double mean = sum / draws;
    INFO(alpha);
    CHECK(mean == Approx(alpha).epsilon(0.05));
    CHECK(square / draws - mean * mean == Approx(alpha).epsilon(0.1));
  }
}

TEST_CASE("shards that cannot be made, or used", "[data]") {
  for (const char* text :
       {"", "IID", "classes", "classes:0", "classes:1.5", "classes:x", "dirichlet:", "dirichlet:-1", "dirichlet:nan"}) {
    INFO(text);
    CHECK_FALSE(is_shard_rule(text));
    CHECK_THROWS_WITH(parse_shard_rule(text),
                      Catch::Contains("data.shard: expected iid, sorted, classes:K or dirichlet:ALPHA"));
  }
  CHECK_THROWS_WITH(make_shards({0, 1}, 2, 3, {}, 1), Catch::Contains("at least one sample a worker"));
  Config config;
  DataSet digits = load_dataset(config);
  auto part_of = [&](int rank, std::int64_t batch, std::int64_t together) {
    return training_options(
        config, digits.train,
        {.rank = rank, .workers = 4, .batch_size = batch, .first = rank * batch, .together = together});
  };
  config.data.shard = "sorted";
  CHECK_THROWS_WITH(part_of(0, 400, 1600), Catch::Contains("the smallest shard has 359"));
  CHECK_THROWS_WITH(part_of(0, 100, 500), Catch::Contains("workers of unequal batches share out one order"));
  for (int rank = 0; rank < 4; ++rank) {
    Loader loader(digits.train, part_of(rank, 100, 400));
    CHECK(loader.batches() == 3);
  }
}

TEST_CASE("workers of an iid run share out every step of one order", "[data]") {
  Config config;
  DataSet digits = load_dataset(config);
  Loader whole(digits.train, training_options(config, digits.train, {.batch_size = 40}));
  for (std::int64_t epoch : {0, 1}) {
    Batch all = whole.batch(epoch, 2, Device::cpu());
    for (int rank = 0; rank < 2; ++rank) {  // unequal batches: 30 and 10
      std::int64_t first = rank * 30, size = rank == 0 ? 30 : 10;
      Loader part(digits.train,
                  training_options(config, digits.train,
                                   {.rank = rank, .workers = 2, .batch_size = size, .first = first, .together = 40}));
      CHECK(part.batches() == whole.batches());
      Batch mine = part.batch(epoch, 2, Device::cpu());
      REQUIRE(mine.count() == size);
      auto pixels = mine.images.span<float>();
      CHECK(std::equal(pixels.begin(), pixels.end(), all.images.data<float>() + first * 64));
    }
  }
}
