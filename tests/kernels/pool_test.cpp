#include <stint/kernels/avg_pool/avg_pool.h>
#include <stint/kernels/global_pool/global_pool.h>
#include <stint/kernels/max_pool/max_pool.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "image_reference.h"

using namespace stint;
using namespace stint::test;

namespace {

Shape pooled(const Shape& x, const Window& window) {
  return {x[0], window.output(x[1]), window.output(x[2]), x[3]};
}

/// fold(values inside the window) for every output.
template <typename Fold>
Reference pooling(Shape x, Window window, Fold fold) {
  return [=](const std::vector<Reals>& in) {
    Image image{in[0], x};
    Reals y;
    for_elements(pooled(x, window), [&](std::int64_t n, std::int64_t oh, std::int64_t ow, std::int64_t c) {
      Reals covered;
      for (std::int64_t h = oh * window.stride - window.padding, kh = 0; kh < window.kernel; ++kh, ++h) {
        for (std::int64_t w = ow * window.stride - window.padding, kw = 0; kw < window.kernel; ++kw, ++w) {
          if (image.inside(h, w)) covered.push_back(image.at(n, h, w, c));
        }
      }
      y.push_back(fold(covered));
    });
    return y;
  };
}

OpCase<MaxPool> max_case(std::string name, Shape x, Window window, int bits) {
  OpCase<MaxPool> c{std::move(name), {window}, {spaced_activation(x)}, {}, {}};
  c.reference = pooling(x, window, [](const Reals& v) { return *std::max_element(v.begin(), v.end()); });
  c.slots = [=](std::size_t) {
    Shape y = pooled(x, window);
    return std::vector<std::size_t>{static_cast<std::size_t>(y[0] * ((y.count() / y[0] * bits + 7) / 8))};
  };
  return c;
}

OpCase<AvgPool> avg_case(std::string name, Shape x, Window window) {
  OpCase<AvgPool> c{std::move(name), {window}, {activation(x)}, {}, {}};
  c.reference = pooling(x, window, [=](const Reals& v) {
    double sum = 0;
    for (double value : v) sum += value;
    return sum / (window.kernel * window.kernel);
  });
  c.slots = [](std::size_t) { return std::vector<std::size_t>{}; };
  return c;
}

OpCase<GlobalPool> global_case(std::string name, Shape x) {
  OpCase<GlobalPool> c{std::move(name), {}, {activation(x)}, {}, {}};
  c.reference = [=](const std::vector<Reals>& in) {
    Reals y(x[0] * x[3]);
    std::size_t at = 0;
    for_elements(x, [&](std::int64_t n, std::int64_t, std::int64_t, std::int64_t channel) {
      y[n * x[3] + channel] += in[0][at++] / static_cast<double>(x[1] * x[2]);
    });
    return y;
  };
  c.slots = [](std::size_t) { return std::vector<std::size_t>{}; };
  return c;
}

constexpr Window halve{.kernel = 2, .stride = 2, .padding = 0};
constexpr Window overlap{.kernel = 3, .stride = 2, .padding = 1};

const Registered perf_max([] { return max_case("3x3 stride 2 32x112x112x64", {32, 112, 112, 64}, overlap, 4); });
const Registered perf_avg([] { return avg_case("2x2 32x56x56x64", {32, 56, 56, 64}, halve); });
const Registered perf_global([] { return global_case("64x7x7x512", {64, 7, 7, 512}); });

}  // namespace

TEST_CASE("max_pool equals its reference and saves few bits", "[op]") {
  check(max_case("2x2: 2 bits", {2, 4, 6, 3}, halve, 2));
  check(max_case("3x3: 4 bits", {2, 5, 5, 3}, overlap, 4));
  check(max_case("blocked", {2, 5, 4, 16}, overlap, 4));
  check(max_case("1x1: 1 bit", {1, 3, 3, 2}, {.kernel = 1, .stride = 2, .padding = 0}, 1));
  check(max_case("5x5: 8 bits", {1, 6, 6, 2}, {.kernel = 5, .stride = 1, .padding = 2}, 8));
}

TEST_CASE("max_pool lets NaN win and equal values tie to the first", "[op]") {
  SaveNothing nothing;
  Tensor x = tensor_of<float>({1, 2, 2, 1}, std::vector<float>{1, NAN, 5, 2});
  CHECK(std::isnan(MaxPool{halve}.forward(nothing, x).data<float>()[0]));
  CHECK_THROWS_AS((MaxPool{{.kernel = 2, .stride = 2, .padding = 2}}.forward(nothing, x)), Error);
}

TEST_CASE("avg_pool equals its reference", "[op]") {
  check(avg_case("2x2", {2, 4, 4, 3}, halve));
  check(avg_case("3x3 padded", {1, 5, 4, 5}, overlap));
  check(avg_case("blocked", {2, 4, 4, 16}, overlap));
}

TEST_CASE("global_pool equals its reference", "[op]") {
  check(global_case("ragged", {2, 3, 2, 5}));
  check(global_case("one pixel", {3, 1, 1, 4}));
  check(global_case("blocked", {2, 3, 3, 32}));
}
