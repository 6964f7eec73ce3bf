#include <stint/kernels/embed_tokens/embed_tokens.h>

#include <catch2/catch.hpp>

#include "../op_case.h"

using namespace stint;
using namespace stint::test;

namespace {

OpCase<EmbedTokens> embed_case(std::string name, Shape x) {
  std::int64_t tokens = x[1] + 1, channels = x[2];
  OpCase<EmbedTokens> c{
      std::move(name), {}, {activation(x), vector(channels, 3), vector(tokens * channels, 4)}, {}, saves_nothing};
  c.reference = [=](const std::vector<Reals>& v) {
    Reals y;
    for (std::int64_t n = 0; n < x[0]; ++n) {
      for (std::int64_t t = 0; t < tokens; ++t) {
        for (std::int64_t i = 0; i < channels; ++i) {
          double value = t == 0 ? v[1][i] : v[0][(n * x[1] + t - 1) * channels + i];
          y.push_back(value + v[2][t * channels + i]);
        }
      }
    }
    return y;
  };
  return c;
}

const Registered perf([] { return embed_case("16x196x192", {16, 196, 192}); });

}  // namespace

TEST_CASE("embed_tokens equals its reference", "[op]") {
  check(embed_case("ragged", {3, 4, 7}));
  check(embed_case("one patch", {2, 1, 5}));
  check(embed_case("whole packs", {2, 3, 16}));
  check(embed_case("several threads", {3, 90, 33}));
}

TEST_CASE("embed_tokens refuses positions of another number", "[op]") {
  SaveNothing nothing;
  CHECK_THROWS_WITH(EmbedTokens{}.forward(nothing, Tensor({1, 4, 3}, DType::f32), Tensor({3}, DType::f32),
                                          Tensor({1, 4, 3}, DType::f32)),
                    Catch::Contains("embed_tokens: expected positions of 5 tokens of 3 values f32, got [1,4,3]"));
  CHECK_THROWS_AS(EmbedTokens{}.forward(nothing, Tensor({1, 4, 3}, DType::f32), Tensor({2}, DType::f32),
                                        Tensor({1, 5, 3}, DType::f32)),
                  Error);
}
