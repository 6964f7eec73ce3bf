#include <stint/kernels/select/select_kernels.h>
#include <stint/runtime/parallel.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "select_reference.h"

using namespace stint;
using namespace stint::test;

namespace {

Cut read(const Tensor& cut) {
  Tensor here = cut.copy_to(Device::cpu());
  return *reinterpret_cast<const Cut*>(here.raw());
}

Cut find_largest(const Tensor& x, std::int64_t keep) {
  Tensor cut = make_cut(x.device());
  cut_largest(x, keep, cut);
  return read(cut);
}

std::int64_t count_inside(const Tensor& x, const Cut& cut) {
  std::int64_t above = 0, equal = 0;
  for (std::uint32_t key : keys_of(x)) {
    above += key > cut.key;
    equal += key == cut.key;
  }
  return above + std::clamp<std::int64_t>(cut.room, 0, equal);
}

}  // namespace

TEST_CASE("the largest elements are found exactly, whatever is in the tensor", "[op]") {
  Device device = GENERATE(from_range(devices()));
  for (DType dtype : dtypes) {
    for (Content content : contents) {
      for (std::int64_t count : {1, 7, 64, 65, 2049, 5003}) {
        Tensor x = make_content(content, {{count}, dtype, device});
        for (std::int64_t keep : {std::int64_t{0}, std::int64_t{1}, count / 10, count / 2, count - 1, count}) {
          INFO(name_of(dtype) << " content " << int(content) << ": " << keep << " of " << count);
          CHECK(count_inside(x, find_largest(x, keep)) == keep);
        }
      }
    }
  }
}

TEST_CASE("large tensors are selected exactly, also where a sample of them says something else", "[op]") {
  constexpr std::int64_t count = 100003, keep = 9999;
  for (DType dtype : dtypes) {
    for (Content content : contents) {
      INFO(name_of(dtype) << " content " << int(content));
      Tensor x = make_content(content, {{count}, dtype});
      CHECK(count_inside(x, find_largest(x, keep)) == keep);
      CHECK(count_inside(x, find_largest(x, count - 1)) == count - 1);
    }
  }
  for (float sampled : {0.0f, 1000.0f}) {
    Tensor x = make_content(Content::normal, {{count}});
    for (std::int64_t number = 0; number < sample_size / 4; ++number) {
      for (std::int64_t place : sample_places(number, count)) x.data<float>()[place] = sampled;
    }
    CHECK(count_inside(x, find_largest(x, 60000)) == 60000);
    CHECK(count_inside(x, find_largest(x, keep)) == keep);
  }
}

TEST_CASE("a selection does not depend on threads, nor on packing but for the order of elements", "[op]") {
  Tensor x = make_content(Content::normal, {{100003}, DType::f32});
  int before = thread_count();
  set_thread_count(1);
  Cut one = find_largest(x, 9999);
  set_thread_count(3);
  Cut three = find_largest(x, 9999);
  set_thread_count(before);
  CHECK(one.key == three.key);
  Tensor plain = make_content(Content::normal, {{2, 5, 3, 32}});
  Tensor blocked = to_tensor(to_reals(plain), {{2, 5, 3, 32}, DType::f32, Device::cpu(), Packing::c16});
  CHECK(find_largest(plain, 77).key == find_largest(blocked, 77).key);
}

TEST_CASE("a sample finds nearly the same border", "[op]") {
  Device device = GENERATE(from_range(devices()));
  constexpr std::int64_t count = 120000;
  for (DType dtype : dtypes) {
    for (Content content : {Content::normal, Content::behind_relu}) {
      Tensor x = make_content(content, {{count}, dtype, device}), cut = make_cut(device);
      cut_sampled(x, count / 10, cut);
      auto inside = static_cast<double>(count_inside(x, read(cut)));
      CHECK(inside == Approx(count / 10).epsilon(0.06));  // 32768 samples: 1.7 % standard deviation
    }
  }
  Tensor small = make_content(Content::normal, {{1000}, DType::f32, device}), cut = make_cut(device);
  cut_sampled(small, 100, cut);
  CHECK(count_inside(small, read(cut)) == 100);
}

TEST_CASE("a sampled border counts what there is room for, but where few lie on it", "[op]") {
  Device device = GENERATE(from_range(devices()));
  constexpr std::int64_t count = 120000, keep = count / 10;
  for (Content content : {Content::normal, Content::few_values, Content::equal, Content::zero}) {
    INFO(device.name() << " content " << int(content));
    Tensor x = make_content(content, {{count}, DType::f32, device}), tensor = make_cut(device);
    cut_sampled(x, keep, tensor);
    Cut cut = read(tensor);
    std::vector<std::uint32_t> keys = keys_of(x);
    std::int64_t above = std::count_if(keys.begin(), keys.end(), [&](auto key) { return key > cut.key; });
    CHECK(cut.room == (content == Content::normal ? unlimited_room : keep - above));
    CHECK(cut.ties > 0);
  }
}

TEST_CASE("a sample meets no period of the layout", "[op]") {
  constexpr std::int64_t channels = 64, count = 40000 / channels * channels * 4;
  Reals values(count);
  for (std::int64_t i = 0; i < count; ++i) values[i] = static_cast<double>(i % channels);  // a stride would see few
  Tensor x = to_tensor(values, {{count}}), cut = make_cut(Device::cpu());
  cut_sampled(x, count / 4, cut);
  CHECK(std::bit_cast<float>(read(cut).key) == Approx(48).margin(1.01));
}

TEST_CASE("the border of a normal distribution is where its moments say", "[op]") {
  Device device = GENERATE(from_range(devices()));
  for (DType dtype : dtypes) {
    Reals values = random_reals(50001, 3);
    for (double& value : values) value += 2;
    Tensor x = to_tensor(values, {{50001}, dtype, device}), cut = make_cut(device);
    double mean = 0, square = 0;
    values = to_reals(x);
    for (double value : values) mean += value / static_cast<double>(values.size());
    for (double value : values) square += (value - mean) * (value - mean) / static_cast<double>(values.size());
    cut_outside(x, 1.5, cut);
    CHECK(read(cut).center == Approx(mean).epsilon(1e-6));
    CHECK(std::bit_cast<float>(read(cut).key) == Approx(1.5 * std::sqrt(square)).epsilon(1e-6));
  }
}

TEST_CASE("equal elements have no deviation, whatever rounding makes of their sums", "[op]") {
  Device device = GENERATE(from_range(devices()));
  for (DType dtype : dtypes) {
    for (double value : {0.1, -7.3e5, 1e-30, 0.0}) {
      Tensor x = to_tensor(Reals(50001, value), {{50001}, dtype, device}), cut = make_cut(device);
      cut_outside(x, 1.5, cut);
      CHECK(read(cut).center == to_reals(x)[0]);
      CHECK(read(cut).key == 0);
    }
  }
}

TEST_CASE("a sample of a tensor of which little is kept still has a border", "[op]") {
  Tensor x = make_content(Content::normal, {{100003}}), cut = make_cut(Device::cpu());
  cut_sampled(x, 2, cut);  // of the sample, less than one
  std::vector<std::uint32_t> keys = keys_of(x);
  CHECK(std::count_if(keys.begin(), keys.end(), [&](auto key) { return key >= read(cut).key; }) > 0);
  cut_sampled(x, 0, cut);
  CHECK(read(cut).key > nan_key);
}

TEST_CASE("a selection refuses what it cannot do", "[op]") {
  Tensor x({3}, DType::f32), cut = make_cut(Device::cpu());
  CHECK_THROWS_WITH(cut_largest(x, 4, cut), Catch::Contains("select: expected to keep 0 to 3 elements, got 4"));
  CHECK_THROWS_AS(cut_largest(x, 1, make_cut(Device::null())), Error);
  CHECK_THROWS_WITH(cut_largest(Tensor({3}, DType::i32), 1, cut), Catch::Contains("expected f32 or bf16, got i32"));
}
