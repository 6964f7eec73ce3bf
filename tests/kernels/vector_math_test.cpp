#include <stint/kernels/exponentials.h>
#include <stint/runtime/philox.h>

#include <array>
#include <catch2/catch.hpp>
#include <cmath>

using namespace stint;

namespace {

template <typename Function>
float one(float x, const Function& function) {
  Lanes lanes = Lanes{} + x;
  function(lanes);
  return lanes[5];
}

float power(float x) {
  return one(x, [](Lanes& lanes) { vector_exp(lanes); });
}

float distribution(double x) {
  return static_cast<float>(0.5 * std::erfc(-x / std::sqrt(2.0)));
}

}  // namespace

TEST_CASE("e^x in lanes is within 2e-7 of it, with its ends, and NaN of NaN") {
  double worst = 0;
  for (float x = -87; x <= 88; x += 0.00137f) worst = std::max(worst, std::abs(power(x) / std::exp(double{x}) - 1));
  CHECK(worst < 2e-7);
  CHECK(power(0) == 1);
  CHECK(power(-87.8f) == 0);
  CHECK(power(-INFINITY) == 0);
  CHECK(power(1000) == power(88));
  CHECK(std::isnan(power(NAN)));
  CHECK(std::isnan(power(-std::nanf("1234567"))));
}

TEST_CASE("a reciprocal in lanes is within 2e-7") {
  double worst = 0;
  for (float x = 1e-3f; x < 1e6f; x *= 1.00037f) {
    worst = std::max(worst, std::abs(double{one(x, [](Lanes& lanes) { vector_reciprocal(lanes); })} * x - 1));
  }
  CHECK(worst < 2e-7);
}

TEST_CASE("the normal distribution in lanes is within 3e-7, alone and beside its density") {
  double worst = 0, worst_beside = 0, worst_density = 0;
  for (float x = -9; x <= 9; x += 0.00071f) {
    Lanes lanes = Lanes{} + x, cdf, density;
    vector_normal(lanes, cdf, density);
    vector_normal_cdf(lanes);
    worst = std::max(worst, std::abs(double{lanes[3]} - distribution(x)));
    worst_beside = std::max(worst_beside, std::abs(double{cdf[3]} - distribution(x)));
    worst_density = std::max(worst_density, std::abs(density[3] - 0.3989422804 * std::exp(-0.5 * x * double{x})));
  }
  CHECK(worst < 3e-7);
  CHECK(worst_beside < 3e-7);
  CHECK(worst_density < 3e-7);
}

TEST_CASE("rows of any length have their largest, their exponentials and their sum, and nothing behind them is read") {
  std::array<bfloat16, 40> row{};
  std::array<float, 64> out{};
  for (std::int64_t count = 1; count <= 40; ++count) {
    row.fill(100);
    for (std::int64_t i = 0; i < count; ++i) row[i] = -1 - 0.25f * static_cast<float>((i * 7) % count);
    double sum = 0;
    for (std::int64_t i = 0; i < count; ++i) sum += std::exp(float(row[i]));
    out.fill(3);
    CHECK(largest_of(row.data(), count) == -1);
    CHECK(exponentials(row.data(), count, 0, out.data()) == Approx(sum).epsilon(1e-6));
    for (std::int64_t i = count; i < 64; ++i) REQUIRE(out[i] == (i < (count + 15) / 16 * 16 ? 0 : 3));
  }
}

TEST_CASE("lanes are rounded to bfloat16 as one by one, and stored no further than asked") {
  RandomSequence random{9, 9};
  for (std::int64_t count = 1; count <= 16; ++count) {
    Lanes lanes{};
    for (int i = 0; i < 16; ++i) lanes[i] = random.normal(i + 16 * count) * 1000;
    lanes[0] = count % 2 ? 1.00390625f : 1.01171875f;  // halfway
    if (count > 2) lanes[1] = NAN, lanes[2] = 3.4e38f;
    std::array<bfloat16, 17> stored{};
    store(lanes, stored.data(), count);
    for (int i = 0; i < 17; ++i) CHECK(stored[i].bits == (i < count ? bfloat16(lanes[i]).bits : 0));
  }
}
