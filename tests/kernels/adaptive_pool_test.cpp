#include <stint/kernels/adaptive_pool/adaptive_pool.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "image_reference.h"

using namespace stint;
using namespace stint::test;

namespace {

OpCase<AdaptivePool> pool_case(std::string name, Shape x, std::int64_t height, std::int64_t width) {
  OpCase<AdaptivePool> c{std::move(name), {height, width}, {activation(x)}, {}, saves_nothing};
  auto bin = [](std::int64_t i, std::int64_t in, std::int64_t out) {
    double share = static_cast<double>(in) / static_cast<double>(out);
    auto place = static_cast<double>(i);
    return std::pair(static_cast<std::int64_t>(std::floor(place * share)),
                     static_cast<std::int64_t>(std::ceil((place + 1) * share)));
  };
  c.reference = [=](const std::vector<Reals>& in) {
    Image image{in[0], x};
    Reals y;
    for_elements({x[0], height, width, x[3]},
                 [&](std::int64_t n, std::int64_t i, std::int64_t j, std::int64_t channel) {
                   auto [top, bottom] = bin(i, x[1], height);
                   auto [left, right] = bin(j, x[2], width);
                   double sum = 0;
                   for (std::int64_t h = top; h < bottom; ++h) {
                     for (std::int64_t w = left; w < right; ++w) sum += image.at(n, h, w, channel);
                   }
                   y.push_back(sum / static_cast<double>((bottom - top) * (right - left)));
                 });
    return y;
  };
  return c;
}

const Registered perf([] { return pool_case("16x14x14x512 to 7x7", {16, 14, 14, 512}, 7, 7); });

}  // namespace

TEST_CASE("adaptive_pool equals its reference", "[op]") {
  check(pool_case("overlapping bins", {2, 5, 4, 3}, 3, 3));
  check(pool_case("fewer rows than bins", {2, 1, 2, 5}, 4, 3));
  check(pool_case("to one pixel", {1, 3, 2, 4}, 1, 1));
  check(pool_case("blocked", {2, 4, 4, 32}, 2, 3));
}

TEST_CASE("adaptive_pool refuses what is not an image", "[op]") {
  SaveNothing nothing;
  CHECK_THROWS_AS((AdaptivePool{2, 2}.forward(nothing, Tensor({2, 3}, DType::f32))), Error);
  CHECK_THROWS_AS((AdaptivePool{0, 2}.forward(nothing, Tensor({2, 3, 3, 1}, DType::f32))), Error);
}
