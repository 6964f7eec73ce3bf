#include <stint/kernels/gelu/gelu.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "../op_case_tensors.h"

using namespace stint;
using namespace stint::test;

namespace {

double gelu(double x) {
  return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
}

OpCase<Gelu> gelu_case(std::string name, Shape x) {
  OpCase<Gelu> c{std::move(name), {}, {activation(x)}, {}, {}};
  for (double& value : c.inputs[0].values) value *= 4;
  c.reference = [](const std::vector<Reals>& in) {
    Reals y = in[0];
    for (double& value : y) value = gelu(value);
    return y;
  };
  c.slots = [=](std::size_t element) { return std::vector<std::size_t>{x.count() * element}; };
  return c;
}

const Registered perf([] { return gelu_case("3152x768", {3152, 768}); });
const Registered in_cache([] { return gelu_case("10x768: in cache, one thread", {10, 768}); });

}  // namespace

TEST_CASE("gelu equals its reference", "[op]") {
  check(gelu_case("ragged", {3, 7}));
  check(gelu_case("one element", {1, 1}));
  check(gelu_case("tokens", {2, 5, 13}));
  check(gelu_case("blocked", {2, 3, 3, 16}));
  check(gelu_case("several threads", {3, 6007}));
}

TEST_CASE("gelu is exact within 2e-6 from far left to far right, with its limits and NaN", "[op]") {
  Device device = GENERATE(from_range(devices()));
  SaveNothing nothing;
  Reals x;
  for (double value = -12; value <= 12; value += 0.003) x.push_back(static_cast<float>(value));
  Tensor in = to_tensor(x, {{static_cast<std::int64_t>(x.size())}, DType::f32, device});
  Reals y = to_reals(Gelu{}.forward(nothing, in));
  for (std::size_t i = 0; i < x.size(); ++i) {
    INFO("x = " << x[i]);
    REQUIRE(std::abs(y[i] - gelu(x[i])) < 2e-6 + 2e-7 * std::abs(x[i]));
  }
  Reals ends =
      to_reals(Gelu{}.forward(nothing, to_tensor({1e30, 0, std::nan(""), -1e4, -1e30}, {{5}, DType::f32, device})));
  CHECK(ends[0] == Approx(1e30));
  CHECK(ends[1] == 0);
  CHECK(std::isnan(ends[2]));
  CHECK(std::abs(ends[3]) < 2e-6);
  CHECK(std::abs(ends[4]) < 2e-6);
}

TEST_CASE("gelu's derivative is exact within 1e-6 from far left to far right", "[op]") {
  Device device = GENERATE(from_range(devices()));
  Reals x;
  for (double value = -12; value <= 12; value += 0.003) x.push_back(static_cast<float>(value));
  TensorSpec spec{{static_cast<std::int64_t>(x.size())}, DType::f32, device};
  RecordingSaver saver;
  Gelu{}.forward(saver, to_tensor(x, spec));
  Tensor dx;
  Gelu{}.backward(ReplayedSaved(saver), to_tensor(Reals(x.size(), 1), spec), Grad(GradMode::overwrite, dx, spec));
  Reals slope = to_reals(dx);
  for (std::size_t i = 0; i < x.size(); ++i) {
    INFO("x = " << x[i]);
    double density = std::exp(-x[i] * x[i] / 2) / std::sqrt(2 * M_PI);
    REQUIRE(std::abs(slope[i] - (0.5 * std::erfc(-x[i] / std::sqrt(2.0)) + x[i] * density)) < 1e-6);
  }
}
