#include <stint/kernels/max_pool/max_pool.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "../op_case_tensors.h"
#include "pool_reference.h"

using namespace stint;
using namespace stint::test;

namespace {

/// `bits`: what the place of a maximum costs.
OpCase<MaxPool> max_case(std::string name, Shape x, Window window, int bits) {
  OpCase<MaxPool> c{std::move(name), {window}, {spaced_activation(x)}, {}, {}};
  c.reference = pooling(x, window, [](const Reals& v) { return *std::max_element(v.begin(), v.end()); });
  c.slots = [=](std::size_t) {
    Shape y = pooled(x, window);
    return std::vector<std::size_t>{static_cast<std::size_t>(y[0] * ((y.count() / y[0] * bits + 7) / 8))};
  };
  return c;
}

const Registered perf([] { return max_case("3x3 stride 2 32x112x112x64", {32, 112, 112, 64}, overlap, 4); });

}  // namespace

TEST_CASE("max_pool equals its reference, and saves the fewest bits", "[op]") {
  check(max_case("2x2: 2 bits", {2, 4, 6, 3}, halve, 2));
  check(max_case("3x3: 4 bits", {2, 5, 5, 3}, overlap, 4));
  check(max_case("blocked", {2, 5, 4, 16}, overlap, 4));
  check(max_case("1x1: 1 bit", {1, 3, 3, 2}, every_other, 1));
  check(max_case("5x5: 8 bits", {1, 6, 6, 2}, {.kernel = 5, .stride = 1, .padding = 2}, 8));
  check(max_case("one pixel", {3, 1, 1, 5}, overlap, 4));
}

TEST_CASE("max_pool lets NaN win, and of equal values the first takes the gradient", "[op]") {
  Device device = GENERATE(from_range(devices()));
  SaveNothing nothing;
  TensorSpec pixels{{1, 2, 2, 1}, DType::f32, device};
  Tensor x = to_tensor({1, NAN, 5, 2}, pixels);
  CHECK(std::isnan(to_reals(MaxPool{halve}.forward(nothing, x))[0]));
  RecordingSaver saver;
  x = to_tensor({1, 5, 5, 5}, pixels);
  MaxPool{halve}.forward(saver, x);
  Tensor dx;
  MaxPool{halve}.backward(ReplayedSaved(saver), to_tensor({7}, {{1, 1, 1, 1}, DType::f32, device}),
                          Grad(GradMode::overwrite, dx, x.spec()));
  CHECK(to_reals(dx) == Reals{0, 7, 0, 0});
}

TEST_CASE("max_pool refuses windows that may see padding only, and empty images", "[op]") {
  SaveNothing nothing;
  Tensor x({1, 4, 4, 1}, DType::f32);
  CHECK_THROWS_WITH((MaxPool{{.kernel = 2, .stride = 2, .padding = 2}}.forward(nothing, x)),
                    Catch::Contains("padding <= kernel / 2"));
  CHECK_THROWS_AS((MaxPool{{.kernel = 5, .stride = 1, .padding = 0}}.forward(nothing, x)), Error);
  CHECK_THROWS_AS((MaxPool{{.kernel = 2, .stride = 0, .padding = 0}}.forward(nothing, x)), Error);
  for (Shape empty : {Shape{0, 4, 4, 1}, Shape{1, 4, 4, 0}, Shape{4, 4}}) {
    CHECK_THROWS_AS(MaxPool{halve}.forward(nothing, Tensor(empty, DType::f32)), Error);
  }
}
