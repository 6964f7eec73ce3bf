#include <stint/kernels/cast/cast.h>

#include <catch2/catch.hpp>

#include "../op_case_tensors.h"

using namespace stint;
using namespace stint::test;

namespace {

OpCase<Cast> cast_case(std::string name, Shape x, DType to) {
  OpCase<Cast> c{std::move(name), {to}, {activation(x)}, {}, saves_nothing};
  c.reference = [](const std::vector<Reals>& in) { return in[0]; };
  return c;
}

const Registered perf([] { return cast_case("to f32", {64, 32, 32, 64}, DType::f32); });

}  // namespace

TEST_CASE("cast converts and its gradient converts back", "[op]") {
  check(cast_case("to f32", {3, 5}, DType::f32));
  check(cast_case("to bf16", {3, 5}, DType::bf16));
  check(cast_case("blocked", {1, 2, 3, 16}, DType::bf16));
  check(cast_case("several threads", {3, 11003}, DType::f32));
}

TEST_CASE("cast to bf16 rounds to nearest even", "[op]") {
  SaveNothing nothing;
  Tensor x = to_tensor({1.00390625, -2}, {{2}});  // the first is halfway between two bf16
  CHECK(to_reals(Cast{DType::bf16}.forward(nothing, x)) == Reals{1, -2});
  CHECK_THROWS_AS(Cast{DType::i32}.forward(nothing, x), Error);
}
