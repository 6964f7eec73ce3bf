#include <stint/kernels/drop_path/drop_path.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "../op_case_tensors.h"

using namespace stint;
using namespace stint::test;

namespace {

OpCase<DropPath> path_case(std::string name, Shape x, float rate) {
  RandomSequence random{3, 4};
  OpCase<DropPath> c{std::move(name), {rate, random}, {activation(x)}, {}, saves_nothing};
  c.reference = [=](const std::vector<Reals>& in) {
    Reals y = in[0];
    std::size_t size = y.size() / x[0];
    for (std::size_t i = 0; i < y.size(); ++i) y[i] *= random.uniform(i / size) >= rate ? 1.0 / (1.0 - rate) : 0.0;
    return y;
  };
  return c;
}

const Registered perf([] { return path_case("16x197x192", {16, 197, 192}, 0.1f); });

}  // namespace

TEST_CASE("drop_path equals its reference, a draw a sample", "[op]") {
  check(path_case("ragged", {7, 3, 5}, 0.4f));
  check(path_case("rows", {9, 16}, 0.5f));
  check(path_case("nothing dropped", {2, 5}, 0.0f));
}

TEST_CASE("drop_path keeps its share of samples, whole", "[op]") {
  Device device = GENERATE(from_range(devices()));
  SaveNothing nothing;
  Reals y =
      to_reals(DropPath{0.3f, {1, 2}}.forward(nothing, to_tensor(Reals(6000, 1), {{3000, 2}, DType::f32, device})));
  double kept = 0;
  for (std::size_t i = 0; i < y.size(); i += 2) {
    REQUIRE(y[i] == y[i + 1]);
    kept += y[i] != 0;
  }
  CHECK(kept / 3000 == Approx(0.7).margin(0.03));
}

TEST_CASE("drop_path refuses rates below 0 and from 1 on", "[op]") {
  SaveNothing nothing;
  for (float rate : {1.0f, -0.1f, NAN}) {
    CHECK_THROWS_AS((DropPath{rate, {}}.forward(nothing, Tensor({2, 3}, DType::f32))), Error);
  }
}
