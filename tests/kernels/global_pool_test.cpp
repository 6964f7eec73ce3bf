#include <stint/kernels/global_pool/global_pool.h>

#include <catch2/catch.hpp>

#include "image_reference.h"

using namespace stint;
using namespace stint::test;

namespace {

OpCase<GlobalPool> global_case(std::string name, Shape x) {
  OpCase<GlobalPool> c{std::move(name), {}, {activation(x)}, {}, saves_nothing};
  c.reference = [=](const std::vector<Reals>& in) {
    Reals y(x[0] * x[3]);
    std::size_t at = 0;
    for_elements(x, [&](std::int64_t n, std::int64_t, std::int64_t, std::int64_t channel) {
      y[n * x[3] + channel] += in[0][at++] / static_cast<double>(x[1] * x[2]);
    });
    return y;
  };
  return c;
}

const Registered perf([] { return global_case("64x7x7x512", {64, 7, 7, 512}); });

}  // namespace

TEST_CASE("global_pool equals its reference", "[op]") {
  check(global_case("ragged", {2, 3, 2, 5}));
  check(global_case("one pixel", {3, 1, 1, 4}));
  check(global_case("blocked", {2, 3, 3, 32}));
}

TEST_CASE("global_pool refuses what is not an image", "[op]") {
  SaveNothing nothing;
  for (Shape shape : {Shape{2, 3}, Shape{0, 2, 2, 3}, Shape{2, 0, 2, 3}}) {
    CHECK_THROWS_AS(GlobalPool{}.forward(nothing, Tensor(shape, DType::f32)), Error);
  }
}
