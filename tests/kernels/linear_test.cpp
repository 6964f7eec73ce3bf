#include <stint/kernels/linear/linear.h>

#include <catch2/catch.hpp>

#include "../op_case.h"

using namespace stint;
using namespace stint::test;

namespace {

OpCase<Linear> linear_case(std::string name, Shape x, std::int64_t out, bool bias) {
  std::int64_t in = x[-1], rows = x.count() / in;
  OpCase<Linear> c{std::move(name), {}, {activation(x), weight({out, in}), bias ? vector(out) : absent()}, {}, {}};
  c.reference = [=](const std::vector<Reals>& v) {
    Reals y;
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t o = 0; o < out; ++o) {
        double sum = bias ? v[2][o] : 0;
        for (std::int64_t i = 0; i < in; ++i) sum += v[0][row * in + i] * v[1][o * in + i];
        y.push_back(sum);
      }
    }
    return y;
  };
  c.slots = [=](std::size_t element) {
    return std::vector<std::size_t>{x.count() * element, static_cast<std::size_t>(out * in) * element};
  };
  c.library = true;
  return c;
}

const Registered perf([] { return linear_case("4096x768>768", {4096, 768}, 768, true); });

}  // namespace

TEST_CASE("linear equals its reference", "[op]") {
  check(linear_case("5x7>3 bias", {5, 7}, 3, true));
  check(linear_case("16x32>16", {16, 32}, 16, false));
  check(linear_case("one row", {1, 9}, 1, true));
  check(linear_case("tokens", {2, 3, 8}, 5, true));
  check(linear_case("several threads", {67, 130}, 33, true));
}

TEST_CASE("linear refuses shapes that do not fit", "[op]") {
  SaveNothing nothing;
  CHECK_THROWS_WITH(Linear{}.forward(nothing, Tensor({2, 5}, DType::f32), Tensor({3, 4}, DType::f32), {}),
                    Catch::Contains("linear: expected a weight [O,5]"));
  CHECK_THROWS_AS(
      Linear{}.forward(nothing, Tensor({2, 5}, DType::f32), Tensor({3, 5}, DType::f32), Tensor({4}, DType::f32)),
      Error);
  CHECK_THROWS_WITH(Linear{}.forward(nothing, Tensor({2, 4}, DType::u8), Tensor({3, 4}, DType::u8), {}),
                    "linear: expected f32 or bf16, got u8");
  CHECK_THROWS_WITH(Linear{}.forward(nothing, Tensor({2, 4}, DType::f32), Tensor({0, 4}, DType::f32), {}),
                    Catch::Contains("linear: expected a weight [O,4], O above 0"));
  CHECK_THROWS_AS(Linear{}.forward(nothing, Tensor({0, 5}, DType::f32), Tensor({3, 5}, DType::f32), {}), Error);
}
