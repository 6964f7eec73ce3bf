#include <stint/kernels/add/add.h>
#include <stint/kernels/bits.h>
#include <stint/kernels/cast/cast.h>
#include <stint/kernels/dropout/dropout.h>
#include <stint/kernels/relu/relu.h>
#include <stint/kernels/reshape/reshape.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "../op_case_tensors.h"

using namespace stint;
using namespace stint::test;

namespace {

const SlotBytes nothing_saved = [](std::size_t) { return std::vector<std::size_t>{}; };

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

OpCase<Add> add_case(std::string name, Shape x) {
  OpCase<Add> c{std::move(name), {}, {activation(x, 1), activation(x, 2)}, {}, nothing_saved};
  c.reference = [](const std::vector<Reals>& in) {
    Reals y = in[0];
    for (std::size_t i = 0; i < y.size(); ++i) y[i] += in[1][i];
    return y;
  };
  return c;
}

OpCase<Dropout> dropout_case(std::string name, Shape x, float rate) {
  RandomSequence random{3, 4};
  OpCase<Dropout> c{std::move(name), {rate, random}, {activation(x)}, {}, nothing_saved};
  c.reference = [=](const std::vector<Reals>& in) {
    Reals y = in[0];
    for (std::size_t i = 0; i < y.size(); ++i) y[i] *= random.uniform(i) >= rate ? 1.0 / (1.0 - rate) : 0.0;
    return y;
  };
  return c;
}

OpCase<Reshape> reshape_case(std::string name, Shape x, Shape y) {
  OpCase<Reshape> c{std::move(name), {y}, {activation(x)}, {}, nothing_saved};
  c.reference = [](const std::vector<Reals>& in) { return in[0]; };
  return c;
}

OpCase<Cast> cast_case(std::string name, Shape x, DType to) {
  OpCase<Cast> c{std::move(name), {to}, {activation(x)}, {}, nothing_saved};
  c.reference = [](const std::vector<Reals>& in) { return in[0]; };
  return c;
}

const Registered perf[] = {
    Registered([] {
      return relu_case("64x32x32x64", {64, 32, 32, 64});
    }),
    Registered([] {
      return add_case("64x32x32x64", {64, 32, 32, 64});
    }),
    Registered([] {
      return dropout_case("4096x1024", {4096, 1024}, 0.1f);
    }),
    Registered([] {
      return reshape_case("c16 to rows", {64, 8, 8, 256}, {64, 8 * 8 * 256});
    }),
    Registered([] {
      return cast_case("to f32", {64, 32, 32, 64}, DType::f32);
    }),
};

}  // namespace

TEST_CASE("relu equals its reference", "[op]") {
  check(relu_case("ragged", {3, 7}));
  check(relu_case("one element", {1, 1}));
  check(relu_case("blocked", {2, 3, 3, 16}));
  check(relu_case("many chunks", {5, 61}));
}

TEST_CASE("relu passes NaN on", "[op]") {
  SaveNothing nothing;
  Tensor x = to_tensor({std::nan(""), -1, 2}, {{3}});
  Reals y = to_reals(Relu{}.forward(nothing, x));
  CHECK(std::isnan(y[0]));
  CHECK(y[1] == 0);
  CHECK(y[2] == 2);
}

TEST_CASE("add equals its reference", "[op]") {
  check(add_case("ragged", {3, 5}));
  check(add_case("blocked", {2, 2, 3, 32}));
  SaveNothing nothing;
  CHECK_THROWS_WITH(Add{}.forward(nothing, Tensor({2}, DType::f32), Tensor({3}, DType::f32)), Catch::Contains("add:"));
}

TEST_CASE("dropout equals its reference and keeps its share", "[op]") {
  check(dropout_case("ragged", {3, 7}, 0.3f));
  check(dropout_case("blocked", {2, 2, 2, 16}, 0.5f));
  check(dropout_case("nothing dropped", {2, 5}, 0.0f));
  SaveNothing nothing;
  Reals y = to_reals(Dropout{0.3f, {1, 2}}.forward(nothing, to_tensor(Reals(40000, 1), {{40000}})));
  double kept = 0;
  for (double value : y) kept += value != 0;
  CHECK(kept / 40000 == Approx(0.7).margin(0.01));
  CHECK_THROWS_AS((Dropout{1.0f, {}}.forward(nothing, Tensor({2}, DType::f32))), Error);
}

TEST_CASE("reshape keeps the plain order of any packing", "[op]") {
  check(reshape_case("flatten", {2, 3, 2, 5}, {2, 30}));
  check(reshape_case("flatten blocked", {2, 3, 2, 16}, {2, 96}));
  SaveNothing nothing;
  CHECK_THROWS_AS(Reshape{{5}}.forward(nothing, Tensor({2, 3}, DType::f32)), Error);
}

TEST_CASE("cast converts and its gradient converts back", "[op]") {
  check(cast_case("to f32", {3, 5}, DType::f32));
  SaveNothing nothing;
  Tensor x = to_tensor({1.00390625, -2}, {{2}});  // halfway between two bf16: the even one wins
  CHECK(to_reals(Cast{DType::bf16}.forward(nothing, x)) == Reals{1, -2});
}
