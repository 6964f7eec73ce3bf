#include <stint/kernels/softmax/softmax.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "../op_case_tensors.h"

using namespace stint;
using namespace stint::test;

namespace {

Reals probabilities(const Reals& x, std::size_t channels) {
  Reals y;
  for (std::size_t row = 0; row < x.size(); row += channels) {
    double sum = 0;
    for (std::size_t c = 0; c < channels; ++c) sum += std::exp(x[row + c]);
    for (std::size_t c = 0; c < channels; ++c) y.push_back(std::exp(x[row + c]) / sum);
  }
  return y;
}

OpCase<Softmax> softmax_case(std::string name, Shape x) {
  OpCase<Softmax> c{std::move(name), {}, {activation(x)}, {}, {}};
  c.reference = [=](const std::vector<Reals>& v) { return probabilities(v[0], static_cast<std::size_t>(x[-1])); };
  c.slots = [=](std::size_t element) { return std::vector<std::size_t>{x.count() * element}; };
  return c;
}

const Registered perf([] { return softmax_case("4096x197", {4096, 197}); });
const Registered in_cache([] { return softmax_case("80x197: in cache, one thread", {80, 197}); });

}  // namespace

TEST_CASE("softmax equals its reference", "[op]") {
  check(softmax_case("ragged", {3, 7}));
  check(softmax_case("one class", {4, 1}));
  check(softmax_case("tokens", {2, 3, 20}));
  check(softmax_case("whole packs", {5, 2, 32}));
  check(softmax_case("a row longer than a warp's packs", {3, 300}));
  check(softmax_case("several threads", {301, 67}));
}

TEST_CASE("softmax of large numbers does not overflow", "[op]") {
  Device device = GENERATE(from_range(devices()));
  SaveNothing nothing;
  Tensor x = to_tensor({1000, 1001, -1000, 88, 89, 90}, {{2, 3}, DType::f32, device});
  Reals y = to_reals(Softmax{}.forward(nothing, x));
  CHECK(y[1] == Approx(1 / (1 + std::exp(-1.0))));
  CHECK(y[2] == 0);
  CHECK(y[5] == Approx(1 / (1 + std::exp(-1.0) + std::exp(-2.0))));
}

TEST_CASE("softmax refuses what has no rows", "[op]") {
  SaveNothing nothing;
  CHECK_THROWS_WITH(Softmax{}.forward(nothing, Tensor({0, 5}, DType::f32)),
                    Catch::Contains("softmax: expected a non-empty plain [...,C], got [0,5]"));
}
