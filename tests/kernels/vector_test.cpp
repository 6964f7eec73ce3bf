#include <stint/kernels/vector/vector.h>
#include <stint/runtime/parallel.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "../op_case_tensors.h"

using namespace stint;
using namespace stint::test;

TEST_CASE("vectors add, scale and clip", "[op]") {
  Device device = GENERATE(from_range(devices()));
  TensorSpec two{{2}, DType::f32, device};
  Tensor x = to_tensor({3, 4}, two), y = to_tensor({1, 1}, two);
  axpy(2, x, y);
  CHECK(to_reals(y) == Reals{7, 9});
  add_to(x, y, true);
  CHECK(to_reals(y) == Reals{10, 13});
  add_to(x, y, false);
  scale(0.5f, y);
  CHECK(to_reals(y) == Reals{1.5, 2});
  CHECK(squared_norm(x) == 25);
  CHECK(clip_norm(x, 10) == 5);
  CHECK(to_reals(x) == Reals{3, 4});
  CHECK(clip_norm(x, 1) == 5);
  CHECK(to_reals(x)[0] == Approx(0.6));
  CHECK(to_reals(x)[1] == Approx(0.8));
}

TEST_CASE("vectors of f32 and bf16 mix, and every element of long ones is reached", "[op]") {
  Device device = GENERATE(from_range(devices()));
  constexpr std::int64_t n = 40003;
  for (DType from : dtypes) {
    for (DType to : dtypes) {
      Tensor x = to_tensor(random_reals(n, 1), {{n}, from, device}),
             y = to_tensor(random_reals(n, 2), {{n}, to, device});
      Reals expected = to_reals(y), values = to_reals(x);
      for (std::int64_t i = 0; i < n; ++i) {
        auto sum = static_cast<float>(expected[i]) + 0.5f * static_cast<float>(values[i]);
        expected[i] = to == DType::bf16 ? float(bfloat16(sum)) : sum;
      }
      axpy(0.5f, x, y);
      CHECK(to_reals(y) == expected);
    }
  }
}

TEST_CASE("vectors of bf16 are scaled and have a norm", "[op]") {
  Device device = GENERATE(from_range(devices()));
  Tensor x = to_tensor({3, 4, -12}, {{3}, DType::bf16, device});
  CHECK(clip_norm(x, 6.5f) == 13);
  CHECK(to_reals(x) == Reals{1.5, 2, -6});
}

TEST_CASE("a gradient that is not finite is reported, and not scaled to nothing", "[op]") {
  Device device = GENERATE(from_range(devices()));
  TensorSpec two{{2}, DType::f32, device};
  Tensor x = to_tensor({3, NAN}, two);
  CHECK(std::isnan(clip_norm(x, 1)));
  CHECK(to_reals(x)[0] == 3);
  Tensor y = to_tensor({3, INFINITY}, two);
  CHECK(std::isinf(clip_norm(y, 1)));
  CHECK(to_reals(y)[0] == 3);
}

TEST_CASE("vectors refuse other counts and dtypes", "[op]") {
  Tensor x({2}, DType::f32);
  CHECK_THROWS_WITH(axpy(1, x, Tensor({3}, DType::f32)), Catch::Contains("axpy: expected 3 elements on cpu, got 2"));
  CHECK_THROWS_AS(add_to(x, Tensor({2}, DType::f32, Device::null()), false), Error);
  CHECK_THROWS_AS(add_to(x, Tensor({2}, DType::i32), false), Error);
  CHECK_THROWS_AS(scale(2, Tensor({2}, DType::u8)), Error);
}

TEST_CASE("a norm takes in every element of a vector of many blocks", "[op]") {
  constexpr std::int64_t count = 600'000;
  for (Device device : devices())
    CHECK(squared_norm(to_tensor(Reals(count, 1), {{count}, DType::f32, device})) == count);
}

TEST_CASE("a norm is exact in double and does not depend on the number of threads", "[op]") {
  Reals values = random_reals(100001, 3);
  Device device = GENERATE(from_range(devices()));
  Tensor x = to_tensor(values, {{100001}, DType::f32, device});
  double expected = 0;
  for (double value : to_reals(x)) expected += value * value;
  int before = thread_count();
  set_thread_count(1);
  double one = squared_norm(x);
  set_thread_count(2);
  double two = squared_norm(x);
  set_thread_count(before);
  CHECK(one == two);
  CHECK(one == Approx(expected).epsilon(1e-12));
  CHECK(squared_norm(Tensor({0}, DType::f32, device)) == 0);
}

TEST_CASE("values are added where their places say", "[op]") {
  for (Device device : devices()) {
    std::vector<std::int32_t> at = {4, 0, 999};
    Tensor x = to_tensor({1, 2, 3}, {{3}, DType::f32, device});
    Tensor y = to_tensor(Reals(1000, 0.5), {{1000}, DType::f32, device});
    scatter_add(-2, x, tensor_of<std::int32_t>({3}, at).copy_to(device), y);
    Reals expected(1000, 0.5);
    expected[4] = -1.5, expected[0] = -3.5, expected[999] = -5.5;
    CHECK(to_reals(y) == expected);
  }
  constexpr std::int64_t many = 50000;  // of which threads share the work
  std::vector<std::int32_t> at(many);
  for (std::int64_t i = 0; i < many; ++i) at[i] = static_cast<std::int32_t>(i * 7 % (2 * many));
  Tensor x = to_tensor(random_reals(many, 3), {{many}}), places = tensor_of<std::int32_t>({many}, at);
  Reals values = to_reals(x), expected(2 * many, 1.0);
  for (std::int64_t i = 0; i < many; ++i) expected[at[i]] = static_cast<float>(1.0f + 0.5f * float(values[i]));
  int before = thread_count();
  for (int threads : {1, 2, 3}) {
    set_thread_count(threads);
    Tensor y = to_tensor(Reals(2 * many, 1.0), {{2 * many}});
    scatter_add(0.5f, x, places, y);
    CHECK(to_reals(y) == expected);
  }
  set_thread_count(before);
  CHECK_THROWS_WITH(scatter_add(1, Tensor({3}, DType::f32), Tensor({2}, DType::i32), Tensor({9}, DType::f32)),
                    Catch::Contains("scatter_add: expected 2 elements"));
}
