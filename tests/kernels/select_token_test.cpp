#include <stint/kernels/select_token/select_token.h>

#include <catch2/catch.hpp>

#include "../op_case.h"

using namespace stint;
using namespace stint::test;

namespace {

OpCase<SelectToken> select_case(std::string name, Shape x, std::int64_t index) {
  OpCase<SelectToken> c{std::move(name), {index}, {activation(x)}, {}, saves_nothing};
  c.reference = [=](const std::vector<Reals>& in) {
    Reals y;
    for (std::int64_t n = 0; n < x[0]; ++n) {
      for (std::int64_t i = 0; i < x[2]; ++i) y.push_back(in[0][(n * x[1] + index) * x[2] + i]);
    }
    return y;
  };
  return c;
}

const Registered perf([] { return select_case("16x197x192", {16, 197, 192}, 0); });

}  // namespace

TEST_CASE("select_token equals its reference", "[op]") {
  check(select_case("the first", {3, 4, 7}, 0));
  check(select_case("the last, whole packs", {2, 3, 16}, 2));
  check(select_case("the only one", {2, 1, 5}, 0));
}

TEST_CASE("select_token refuses a token that is not there", "[op]") {
  SaveNothing nothing;
  CHECK_THROWS_WITH(SelectToken{4}.forward(nothing, Tensor({1, 4, 3}, DType::f32)),
                    Catch::Contains("select_token: expected [N,T,C] with T > 4, got [1,4,3]"));
}
