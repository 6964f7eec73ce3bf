#include <stint/kernels/dropout/dropout.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "../op_case_tensors.h"

using namespace stint;
using namespace stint::test;

namespace {

OpCase<Dropout> dropout_case(std::string name, Shape x, float rate) {
  RandomSequence random{3, 4};
  OpCase<Dropout> c{std::move(name), {rate, random}, {activation(x)}, {}, saves_nothing};
  c.reference = [=](const std::vector<Reals>& in) {
    Reals y = in[0];
    for (std::size_t i = 0; i < y.size(); ++i) y[i] *= random.uniform(i) >= rate ? 1.0 / (1.0 - rate) : 0.0;
    return y;
  };
  return c;
}

const Registered perf([] { return dropout_case("4096x1024", {4096, 1024}, 0.1f); });

}  // namespace

TEST_CASE("dropout equals its reference, whatever the packing", "[op]") {
  check(dropout_case("ragged", {3, 7}, 0.3f));
  check(dropout_case("blocked", {2, 2, 2, 16}, 0.5f));
  check(dropout_case("nothing dropped", {2, 5}, 0.0f));
  check(dropout_case("several threads", {3, 5001}, 0.2f));
}

TEST_CASE("dropout keeps its share, and another sequence keeps others", "[op]") {
  Device device = GENERATE(from_range(devices()));
  SaveNothing nothing;
  Tensor ones = to_tensor(Reals(40000, 1), {{40000}, DType::f32, device});
  Tensor y = Dropout{0.3f, {1, 2}}.forward(nothing, ones);
  double kept = 0;
  for (double value : to_reals(y)) kept += value != 0;
  CHECK(kept / 40000 == Approx(0.7).margin(0.01));
  CHECK_FALSE(same_bits(y, Dropout{0.3f, {1, 3}}.forward(nothing, ones)));
}

TEST_CASE("dropout refuses rates below 0 and from 1 on", "[op]") {
  SaveNothing nothing;
  for (float rate : {1.0f, -0.1f, NAN}) {
    CHECK_THROWS_AS((Dropout{rate, {}}.forward(nothing, Tensor({2}, DType::f32))), Error);
  }
}
