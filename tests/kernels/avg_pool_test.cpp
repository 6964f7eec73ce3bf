#include <stint/kernels/avg_pool/avg_pool.h>

#include <catch2/catch.hpp>
#include <numeric>

#include "pool_reference.h"

using namespace stint;
using namespace stint::test;

namespace {

OpCase<AvgPool> avg_case(std::string name, Shape x, Window window) {
  OpCase<AvgPool> c{std::move(name), {window}, {activation(x)}, {}, saves_nothing};
  c.reference = pooling(x, window, [=](const Reals& v) {
    return std::accumulate(v.begin(), v.end(), 0.0) / (window.kernel * window.kernel);
  });
  return c;
}

const Registered perf([] { return avg_case("2x2 32x56x56x64", {32, 56, 56, 64}, halve); });

}  // namespace

TEST_CASE("avg_pool equals its reference", "[op]") {
  check(avg_case("2x2", {2, 4, 4, 3}, halve));
  check(avg_case("3x3 padded", {1, 5, 4, 5}, overlap));
  check(avg_case("blocked", {2, 4, 4, 16}, overlap));
  check(avg_case("one pixel", {3, 1, 1, 5}, overlap));
  check(avg_case("pixels between windows", {2, 5, 5, 3}, every_other));
  check(avg_case("windows of padding alone", {1, 2, 2, 3}, {.kernel = 2, .stride = 2, .padding = 2}));
}

TEST_CASE("avg_pool refuses empty images and windows that do not fit", "[op]") {
  SaveNothing nothing;
  for (Shape empty : {Shape{0, 4, 4, 1}, Shape{1, 4, 4, 0}, Shape{1, 1, 1, 3}}) {
    CHECK_THROWS_AS(AvgPool{halve}.forward(nothing, Tensor(empty, DType::f32)), Error);
  }
}
