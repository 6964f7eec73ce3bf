#include <stint/kernels/attention/attention.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "../op_case_tensors.h"

using namespace stint;
using namespace stint::test;

namespace {

struct Sizes {
  std::int64_t images, tokens, heads, dim;
};

/// softmax(q k^T / sqrt(dim)) v as the formula says, of one query.
Reals attend(const Reals& qkv, const Sizes& s, std::int64_t n, std::int64_t t, std::int64_t h) {
  auto at = [&](std::int64_t token, std::int64_t part, std::int64_t d) {
    return qkv[(((n * s.tokens + token) * 3 + part) * s.heads + h) * s.dim + d];
  };
  Reals out(s.dim), weights;
  double sum = 0;
  for (std::int64_t key = 0; key < s.tokens; ++key) {
    double score = 0;
    for (std::int64_t d = 0; d < s.dim; ++d) score += at(t, 0, d) * at(key, 1, d);
    weights.push_back(std::exp(score / std::sqrt(static_cast<double>(s.dim))));
    sum += weights.back();
  }
  for (std::int64_t key = 0; key < s.tokens; ++key) {
    for (std::int64_t d = 0; d < s.dim; ++d) out[d] += weights[key] / sum * at(key, 2, d);
  }
  return out;
}

OpCase<Attention> attention_case(std::string name, Sizes s, double gain = 2) {
  OpCase<Attention> c{std::move(name), {s.heads}, {activation({s.images, s.tokens, 3 * s.heads * s.dim})}, {}, {}};
  for (double& value : c.inputs[0].values) value *= gain;
  c.reference = [=](const std::vector<Reals>& in) {
    Reals y;
    for (std::int64_t n = 0; n < s.images; ++n) {
      for (std::int64_t t = 0; t < s.tokens; ++t) {
        for (std::int64_t h = 0; h < s.heads; ++h) {
          Reals head = attend(in[0], s, n, t, h);
          y.insert(y.end(), head.begin(), head.end());
        }
      }
    }
    return y;
  };
  c.slots = [=](std::size_t element) {
    std::int64_t rows = s.images * s.tokens * s.heads;
    return std::vector<std::size_t>{static_cast<std::size_t>(rows * 3 * s.dim) * element,
                                    static_cast<std::size_t>(rows) * 4};
  };
  return c;
}

const Registered perf([] { return attention_case("16x197, 3 heads of 64", {16, 197, 3, 64}); });
const Registered small_heads([] { return attention_case("128x65, 12 heads of 16", {128, 65, 12, 16}); });

}  // namespace

TEST_CASE("attention equals its reference", "[op]") {
  check(attention_case("ragged", {2, 5, 3, 7}));
  check(attention_case("one token", {2, 1, 2, 4}));
  check(attention_case("whole vectors", {1, 16, 2, 16}));
  check(attention_case("one token past a tile", {1, 33, 1, 8}));
  check(attention_case("two chunks of channels, two blocks of queries", {1, 67, 2, 40}));
}

TEST_CASE("attention survives scores that overflow an exponential", "[op]") {
  Device device = GENERATE(from_range(devices()));
  SaveNothing nothing;
  // dim 1, two tokens: scores of 200 * 200 against 200 * 190; the first key takes everything
  Tensor qkv = to_tensor({200, 200, 3, 200, 190, 5}, {{1, 2, 3}, DType::f32, device});
  CHECK(to_reals(Attention{1}.forward(nothing, qkv)) == Reals{3, 3});
}

TEST_CASE("attention refuses what is not three times its heads", "[op]") {
  SaveNothing nothing;
  CHECK_THROWS_WITH(Attention{4}.forward(nothing, Tensor({1, 2, 18}, DType::f32)),
                    Catch::Contains("attention: expected a non-empty [N,T,3*4*dim], got [1,2,18]"));
  CHECK_THROWS_AS(Attention{1}.forward(nothing, Tensor({2, 3}, DType::f32)), Error);
  CHECK_THROWS_AS(Attention{1}.forward(nothing, Tensor({0, 2, 3}, DType::f32)), Error);
}
