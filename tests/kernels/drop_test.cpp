#include <stint/kernels/drop/drop.h>
#include <stint/runtime/parallel.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "select_reference.h"

using namespace stint;
using namespace stint::test;

namespace {

constexpr DropIndex indexes[] = {DropIndex::bitmask, DropIndex::int32};

/// The elements of a tensor in storage order with all but some of them zero.
Tensor only(const Tensor& tensor, const std::vector<std::int64_t>& elements) {
  Tensor here = tensor.copy_to(Device::cpu()), result(here.spec());
  result.zero();
  std::size_t size = size_of(here.dtype());
  for (std::int64_t i : elements) std::memcpy(result.raw() + i * size, here.raw() + i * size, size);
  return result;
}

bool same(const Tensor& a, const Tensor& b) {
  return same_bits(a.copy_to(Device::cpu()), b.copy_to(Device::cpu()));
}

std::int64_t elements_kept(const KeptElements& kept) {
  Tensor dense = restore(kept);
  std::int64_t found = 0;
  for (std::uint32_t key : keys_of(dense)) found += key != 0;
  return found;
}

}  // namespace

TEST_CASE("dropping keeps the largest elements, in order, and restores them where they were", "[op]") {
  Device device = GENERATE(from_range(devices()));
  std::vector<std::int64_t> counts = {0, 1, 7, 65, 20001};
  if (device == Device::cpu()) counts = {0, 1, 7, 8, 63, 64, 65, 2047, 2048, 2049, 40003};
  for (DType dtype : dtypes) {
    for (Content content : contents) {
      for (std::int64_t count : counts) {
        Tensor x = make_content(content, {{count}, dtype, device});
        for (double gamma : {0.0, 1e-12, 0.5, 0.9, 0.999999}) {
          for (DropIndex index : indexes) {
            INFO(name_of(dtype) << " content " << int(content) << " count " << count << " gamma " << gamma);
            KeptElements kept = drop(x, {.gamma = gamma, .index = index});
            std::int64_t capacity = drop_capacity(count, gamma);
            CHECK(kept.values.count() == capacity);
            CHECK(counts_of(kept).kept == capacity);
            CHECK(counts_of(kept).inside == capacity);
            CHECK(same(restore(kept), only(x, largest(keys_of(x), capacity))));
          }
        }
      }
    }
  }
}

TEST_CASE("many blocks of a device hand on how many elements go before the next one's", "[op]") {
  Device device = GENERATE(from_range(devices()));
  constexpr std::int64_t count = 800003;  // 98 tiles: more than a warp looks at, at a time
  for (DType dtype : dtypes) {
    Tensor x = make_content(Content::few_values, {{count}, dtype, device}), here = x.copy_to(Device::cpu());
    for (auto strategy : {DropStrategy::mink, DropStrategy::random}) {
      DropRule rule{.strategy = strategy, .sequence = {1, 2}};
      KeptElements kept = drop(x, rule), expected = drop(here, rule);
      CHECK(counts_of(kept).kept == counts_of(expected).kept);
      CHECK(same(kept.index, expected.index));
      CHECK(same(restore(kept), restore(expected)));
    }
  }
}

TEST_CASE("of tensors of many pieces the largest elements are kept too", "[op]") {
  constexpr std::int64_t count = 100003;
  for (DType dtype : dtypes) {
    for (Content content : contents) {
      INFO(name_of(dtype) << " content " << int(content));
      Tensor x = make_content(content, {{count}, dtype});
      std::int64_t capacity = drop_capacity(count, 0.9);
      KeptElements kept = drop(x, {.gamma = 0.9});
      CHECK(counts_of(kept).inside == capacity);
      CHECK(same(restore(kept), only(x, largest(keys_of(x), capacity))));
    }
  }
}

TEST_CASE("the number of kept elements is that of the authors' arithmetic", "[op]") {
  CHECK(drop_capacity(1000, 0.9) == 99);  // 1 - 0.9 is a little below 0.1
  CHECK(drop_capacity(1000, 0.5) == 500);
  CHECK(drop_capacity(1000, 0) == 1000);
  CHECK(drop_capacity(3, 0.9) == 0);
  CHECK_THROWS_WITH(drop_capacity(3, 1), Catch::Contains("drop: expected gamma from 0 to below 1, got 1"));
  CHECK_THROWS_AS(drop_capacity(3, NAN), Error);
}

TEST_CASE("what is held costs values, index and two counters", "[op]") {
  constexpr std::int64_t count = 100000;
  for (DType dtype : dtypes) {
    Tensor x = make_content(Content::normal, {{count}, dtype});
    std::size_t value = size_of(dtype);
    CHECK(drop(x, {.index = DropIndex::bitmask}).bytes() == 9999 * value + count / 8 + 16);
    CHECK(drop(x, {.index = DropIndex::int32}).bytes() == 9999 * (value + 4) + 16);
  }
  CHECK(smaller_index(count, 9999) == DropIndex::bitmask);
  CHECK(smaller_index(count, 3125) == DropIndex::bitmask);  // equal: the faster one
  CHECK(smaller_index(count, 3124) == DropIndex::int32);
  CHECK(smaller_index(std::int64_t{1} << 32, 5) == DropIndex::bitmask);
}

TEST_CASE("dropping goes by storage order in a blocked packing", "[op]") {
  Tensor plain = make_content(Content::few_values, {{2, 3, 5, 32}});
  TensorSpec spec{{2, 3, 5, 32}, DType::f32, Device::cpu(), Packing::c16};
  Tensor x = to_tensor(to_reals(plain), spec);
  KeptElements kept = drop(x, {.gamma = 0.7});
  Tensor back = restore(kept);
  CHECK(back.spec() == spec);
  CHECK(same(back, only(x, largest(keys_of(x), drop_capacity(960, 0.7)))));
}

TEST_CASE("dropping does not depend on threads", "[op]") {
  Tensor x = make_content(Content::few_values, {{200003}});
  int before = thread_count();
  for (auto strategy : {DropStrategy::mink, DropStrategy::random, DropStrategy::nsigma, DropStrategy::sampled}) {
    DropRule rule{.strategy = strategy, .sequence = {1, 2}};
    set_thread_count(1);
    KeptElements one = drop(x, rule);
    Tensor back = restore(one);
    set_thread_count(3);
    KeptElements three = drop(x, rule);
    std::int64_t kept = counts_of(one).kept;
    CHECK(counts_of(three).kept == kept);
    CHECK(same(one.values.slice(0, kept), three.values.slice(0, kept)));
    CHECK(same(one.index, three.index));  // a mask, all of which is written
    CHECK(same(back, restore(three)));
  }
  set_thread_count(before);
}

TEST_CASE("random dropping keeps every element with the same probability", "[op]") {
  Device device = GENERATE(from_range(devices()));
  DType dtype = GENERATE(from_range(std::begin(dtypes), std::end(dtypes)));
  constexpr std::int64_t count = 40000;
  Tensor x = make_content(Content::equal, {{count}, dtype, device});
  KeptElements first = drop(x, {.strategy = DropStrategy::random, .gamma = 0.75, .sequence = {1, 1}});
  KeptElements again = drop(x, {.strategy = DropStrategy::random, .gamma = 0.75, .sequence = {1, 1}});
  KeptElements other = drop(x, {.strategy = DropStrategy::random, .gamma = 0.75, .sequence = {1, 2}});
  CHECK(same(first.index, again.index));
  CHECK_FALSE(same(first.index, other.index));
  DropCounts counts = counts_of(first);
  CHECK(counts.inside == Approx(count / 4).margin(5 * std::sqrt(count * 0.25 * 0.75)));
  CHECK(counts.kept == std::min(counts.inside, count / 4));
  CHECK(elements_kept(first) == counts.kept);
  std::int64_t early = 0;
  std::vector<std::uint32_t> keys = keys_of(restore(first));
  for (std::int64_t i = 0; i < count / 2; ++i) early += keys[i] != 0;
  CHECK(early == Approx(count / 8).margin(5 * std::sqrt(count * 0.125)));
}

TEST_CASE("a normal tensor keeps under nsigma what its quantiles say, and heavy tails keep less", "[op]") {
  Device device = GENERATE(from_range(devices()));
  constexpr std::int64_t count = 50000;
  RandomSequence random{3, 4};
  Reals normal(count), heavy(count);
  for (std::int64_t i = 0; i < count; ++i) {
    normal[i] = random.normal(i) + 1;
    heavy[i] = std::copysign(-std::log(1 - random.uniform(i)), normal[i] - 1);  // Laplace: 30 % at a nominal 40
  }
  for (DType dtype : dtypes) {
    TensorSpec spec{{count}, dtype, device};
    auto share = [&](const Reals& values, DropIndex index) {
      DropRule rule{.strategy = DropStrategy::nsigma, .gamma = 0.6, .index = index};
      KeptElements kept = drop(to_tensor(values, spec), rule);
      DropCounts counts = counts_of(kept);
      CHECK(counts.kept == std::min(counts.inside, drop_capacity(count, 0.6)));
      CHECK(elements_kept(kept) == counts.kept);
      return static_cast<double>(counts.inside) / count;
    };
    CHECK(share(normal, DropIndex::bitmask) == Approx(0.4).margin(0.01));
    CHECK(share(heavy, DropIndex::int32) == Approx(0.304).margin(0.01));  // exp(-sqrt 2 * 0.8416)
  }
}

namespace {

/// 2 in a share of the places that nobody can foresee, half of that elsewhere.
Tensor two_values(double share, const TensorSpec& spec) {
  RandomSequence random{5, 6};
  Reals values(spec.shape.count());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = random.uniform(i) < share ? -2 : 1;
  return to_tensor(values, spec);
}

/// What a sampled border keeps must be what the exact one does.
void check_fills(const Tensor& x, DropRule rule) {
  KeptElements kept = drop(x, rule);
  std::int64_t capacity = drop_capacity(x.count(), rule.gamma);
  CHECK(counts_of(kept).inside == capacity);
  CHECK(counts_of(kept).kept == capacity);
  rule.strategy = DropStrategy::mink;
  KeptElements exact = drop(x.copy_to(Device::cpu()), rule);
  CHECK(same(kept.values, exact.values));
  CHECK(same(kept.index, exact.index));
}

}  // namespace

TEST_CASE("where many elements are equal, a sampled border fills the capacity as the exact one does", "[op]") {
  Device device = GENERATE(from_range(devices()));
  for (DType dtype : dtypes) {
    TensorSpec spec{{50001}, dtype, device};
    for (double gamma : {0.5, 0.9}) {
      for (DropIndex index : indexes) {
        for (double share : {0.0, 0.05, 0.3, 1.0}) {
          INFO(device.name() << " " << name_of(dtype) << " gamma " << gamma << ", " << share << " are large");
          check_fills(two_values(share, spec), {.strategy = DropStrategy::sampled, .gamma = gamma, .index = index});
        }
        check_fills(make_content(Content::zero, spec),
                    {.strategy = DropStrategy::sampled, .gamma = gamma, .index = index});
      }
    }
  }
}

TEST_CASE("of elements without a deviation nsigma keeps the first, as many as there may be", "[op]") {
  Device device = GENERATE(from_range(devices()));
  constexpr std::int64_t count = 50001;
  for (DType dtype : dtypes) {
    for (double value : {0.1, 0.0}) {
      Tensor x = to_tensor(Reals(count, value), {{count}, dtype, device});
      KeptElements kept = drop(x, {.strategy = DropStrategy::nsigma, .gamma = 0.9});
      KeptElements exact = drop(x.copy_to(Device::cpu()), {.gamma = 0.9});
      CHECK(counts_of(kept).inside == count);
      CHECK(counts_of(kept).kept == drop_capacity(count, 0.9));
      CHECK(same(kept.values, exact.values));
      CHECK(same(kept.index, exact.index));
    }
  }
}

TEST_CASE("of two values nsigma keeps the rare one, and none where none is far enough out", "[op]") {
  Device device = GENERATE(from_range(devices()));
  auto count = [](const Reals& values, double value) { return std::count(values.begin(), values.end(), value); };
  for (double share : {0.05, 0.4}) {  // at 0.4, both lie within 1.64 deviations of the mean
    Tensor x = two_values(share, {{50001}, DType::f32, device});
    Reals back = to_reals(restore(drop(x, {.strategy = DropStrategy::nsigma, .gamma = 0.9})));
    CHECK(count(back, -2) == (share < 0.1 ? count(to_reals(x), -2) : 0));
    CHECK(count(back, 1) == 0);
  }
}

TEST_CASE("what is above the border goes before what equals it, wherever it stands", "[op]") {
  Device device = GENERATE(from_range(devices()));
  Reals values(50000, 1.0);
  for (int i = 0; i < 1000; ++i) values[49000 + i] = 3;  // the last ones, and fewer than there is room for
  Tensor x = to_tensor(values, {{50000}, DType::f32, device});
  Reals back = to_reals(restore(drop(x, {.strategy = DropStrategy::sampled, .gamma = 0.9})));
  CHECK(std::count(back.begin(), back.end(), 3.0) == 1000);
  CHECK(std::count(back.begin(), back.end(), 1.0) == drop_capacity(50000, 0.9) - 1000);
}

TEST_CASE("what is inside beyond the capacity is cut in index order, and counted", "[op]") {
  Device device = GENERATE(from_range(devices()));
  Reals values(4000, 0.0);
  for (int i = 0; i < 100; ++i) values[20 * i] = 50 + i;  // all far from the mean
  Tensor x = to_tensor(values, {{4000}, DType::f32, device});
  for (DropIndex index : indexes) {
    KeptElements kept = drop(x, {.strategy = DropStrategy::nsigma, .gamma = 0.99, .index = index});
    CHECK(counts_of(kept).inside == 100);
    CHECK(counts_of(kept).kept == 40);
    Reals expected = values;
    std::fill(expected.begin() + 20 * 40, expected.end(), 0.0);
    CHECK(to_reals(restore(kept)) == expected);
  }
}

TEST_CASE("a tensor that is not finite keeps its NaN first by magnitude, and nothing by its moments", "[op]") {
  Device device = GENERATE(from_range(devices()));
  Tensor x = to_tensor({1, NAN, -INFINITY, 3, 2, NAN}, {{6}, DType::f32, device});
  Reals two = to_reals(restore(drop(x, {.gamma = 0.6})));
  CHECK(std::isnan(two[1]));
  CHECK(std::isnan(two[5]));
  CHECK(to_reals(restore(drop(x, {.gamma = 0.5})))[2] == -INFINITY);
  CHECK(counts_of(drop(x, {.strategy = DropStrategy::nsigma, .gamma = 0.5})).kept == 0);
}

TEST_CASE("on the null device dropping asks for the same memory", "[op]") {
  constexpr std::int64_t count = 100000;
  for (auto strategy : {DropStrategy::mink, DropStrategy::random, DropStrategy::nsigma, DropStrategy::sampled}) {
    auto ask = [&](Device device) {
      Allocator& allocator = allocator_of(device);
      Tensor x({count}, DType::f32, device);
      if (device == Device::cpu()) x.zero();
      allocator.reset_peak();
      std::size_t before = allocator.stats().requested.total();
      KeptElements kept = drop(x, {.strategy = strategy});
      std::size_t held = allocator.stats().requested.total() - before;
      CHECK(held == kept.bytes());
      Tensor back = restore(kept);
      return std::pair(held, allocator.stats().peak.total() - before);
    };
    CHECK(ask(Device::null()) == ask(Device::cpu()));
  }
}

TEST_CASE("dropping refuses other dtypes", "[op]") {
  CHECK_THROWS_WITH(drop(Tensor({4}, DType::i32), {}), Catch::Contains("drop: expected an f32 or bf16 tensor"));
}

TEST_CASE("top_k takes exactly the largest elements and says where they stand", "[op]") {
  Device device = GENERATE(from_range(devices()));
  for (Content content : contents) {
    for (std::int64_t count : {1, 100, 3000}) {
      for (std::int64_t k : {std::int64_t{0}, std::int64_t{1}, count / 10, count}) {
        INFO(device.name() << ", content " << int(content) << ", " << k << " of " << count);
        Tensor x = make_content(content, {{count}, DType::f32, device});
        Tensor values({k}, DType::f32, device), places({k}, DType::i32, device);
        top_k(x, values, places);
        std::vector<std::int64_t> expected = largest(keys_of(x), k);
        Tensor here = places.copy_to(Device::cpu()), kept = values.copy_to(Device::cpu());
        Tensor source = x.copy_to(Device::cpu());
        for (std::int64_t i = 0; i < k; ++i) {
          REQUIRE(here.data<std::int32_t>()[i] == expected[i]);
          REQUIRE(std::memcmp(kept.data<float>() + i, source.data<float>() + expected[i], sizeof(float)) == 0);
        }
      }
    }
  }
  CHECK_THROWS_WITH(top_k(Tensor({3}, DType::f32), Tensor({2}, DType::f32), Tensor({1}, DType::i32)),
                    Catch::Contains("top_k: expected 1 f32 values, got 2"));
}
