#include <stint/kernels/reshape/reshape.h>

#include <catch2/catch.hpp>

#include "../op_case_tensors.h"

using namespace stint;
using namespace stint::test;

namespace {

OpCase<Reshape> reshape_case(std::string name, Shape x, Shape y) {
  OpCase<Reshape> c{std::move(name), {y}, {activation(x)}, {}, saves_nothing};
  c.reference = [](const std::vector<Reals>& in) { return in[0]; };
  return c;
}

const Registered perf([] { return reshape_case("c16 to rows", {64, 8, 8, 256}, {64, 8 * 8 * 256}); });

}  // namespace

TEST_CASE("reshape keeps the plain order of any packing", "[op]") {
  check(reshape_case("flatten", {2, 3, 2, 5}, {2, 30}));
  check(reshape_case("flatten blocked", {2, 3, 2, 16}, {2, 96}));
  check(reshape_case("to an image", {2, 96}, {2, 3, 2, 16}));
}

TEST_CASE("reshape is a view of plain memory, and refuses another count", "[op]") {
  SaveNothing nothing;
  Tensor x({2, 3}, DType::f32);
  CHECK(Reshape{{6}}.forward(nothing, x).raw() == x.raw());
  CHECK_THROWS_AS(Reshape{{5}}.forward(nothing, x), Error);
}
