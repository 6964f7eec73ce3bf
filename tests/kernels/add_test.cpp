#include <stint/kernels/add/add.h>

#include <catch2/catch.hpp>

#include "../op_case_tensors.h"

using namespace stint;
using namespace stint::test;

namespace {

OpCase<Add> add_case(std::string name, Shape x) {
  OpCase<Add> c{std::move(name), {}, {activation(x, 1), activation(x, 2)}, {}, saves_nothing};
  c.reference = [](const std::vector<Reals>& in) {
    Reals y = in[0];
    for (std::size_t i = 0; i < y.size(); ++i) y[i] += in[1][i];
    return y;
  };
  return c;
}

const Registered perf([] { return add_case("64x32x32x64", {64, 32, 32, 64}); });

}  // namespace

TEST_CASE("add equals its reference, also of two packings", "[op]") {
  check(add_case("ragged", {3, 5}));
  check(add_case("blocked", {2, 2, 3, 32}));
  check(add_case("several threads", {3, 11003}));
}

TEST_CASE("both gradients of add are dy itself, without a copy", "[op]") {
  Tensor dy = to_tensor({1, 2}, {{2}}), da, db;
  Add{}.backward(ReplayedSaved(RecordingSaver()), dy, Grad(GradMode::overwrite, da, dy.spec()),
                 Grad(GradMode::overwrite, db, dy.spec()));
  CHECK(da.storage() == dy.storage());
  CHECK(db.storage() == dy.storage());
  Grad(GradMode::accumulate, da, dy.spec()).share(to_tensor({10, 10}, {{2}}));  // now da needs memory of its own
  CHECK(to_reals(da) == Reals{11, 12});
  CHECK(to_reals(db) == Reals{1, 2});
  CHECK(to_reals(dy) == Reals{1, 2});
}

TEST_CASE("add refuses shapes and dtypes that differ", "[op]") {
  SaveNothing nothing;
  Tensor two({2}, DType::f32);
  CHECK_THROWS_WITH(Add{}.forward(nothing, two, Tensor({3}, DType::f32)),
                    Catch::Contains("add: expected equal shapes"));
  CHECK_THROWS_AS(Add{}.forward(nothing, two, Tensor({2}, DType::bf16)), Error);
}
