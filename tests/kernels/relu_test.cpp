#include <stint/kernels/bits.h>
#include <stint/kernels/relu/relu.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "../op_case_tensors.h"

using namespace stint;
using namespace stint::test;

namespace {

OpCase<Relu> relu_case(std::string name, Shape x) {
  OpCase<Relu> c{std::move(name), {}, {spaced_activation(x)}, {}, {}};
  c.reference = [](const std::vector<Reals>& in) {
    Reals y = in[0];
    for (double& value : y) value = std::max(value, 0.0);
    return y;
  };
  c.slots = [=](std::size_t) { return std::vector<std::size_t>{static_cast<std::size_t>(mask_bytes(x.count()))}; };
  return c;
}

const Registered perf([] { return relu_case("64x32x32x64", {64, 32, 32, 64}); });

}  // namespace

TEST_CASE("relu equals its reference, and saves a bit an element", "[op]") {
  check(relu_case("ragged", {3, 7}));
  check(relu_case("one element", {1, 1}));
  check(relu_case("blocked", {2, 3, 3, 16}));
  check(relu_case("blocked, one pixel", {1, 1, 1, 32}));
  check(relu_case("many chunks", {5, 61}));
  check(relu_case("several threads", {3, 11003}));
}

TEST_CASE("relu passes NaN on, and its gradient too", "[op]") {
  Device device = GENERATE(from_range(devices()));
  RecordingSaver saver;
  Tensor x = to_tensor({std::nan(""), -1, 2}, {{3}, DType::f32, device});
  Reals y = to_reals(Relu{}.forward(saver, x));
  CHECK(std::isnan(y[0]));
  CHECK(y[1] == 0);
  CHECK(y[2] == 2);
  Tensor dx;
  Relu{}.backward(ReplayedSaved(saver), to_tensor({3, 4, 5}, x.spec()), Grad(GradMode::overwrite, dx, x.spec()));
  CHECK(to_reals(dx) == Reals{3, 0, 5});
}

TEST_CASE("relu of nothing is nothing", "[op]") {
  SaveNothing nothing;
  CHECK(Relu{}.forward(nothing, Tensor({0, 5}, DType::f32)).count() == 0);
  CHECK_THROWS_AS(Relu{}.forward(nothing, Tensor({2}, DType::i32)), Error);
}
