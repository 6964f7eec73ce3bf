#include <stint/kernels/layer_norm/layer_norm.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "../op_case_tensors.h"

using namespace stint;
using namespace stint::test;

namespace {

Reals normalised(const Reals& x, const Reals& gamma, const Reals& beta, double eps) {
  std::size_t channels = gamma.size();
  Reals y;
  for (std::size_t row = 0; row < x.size(); row += channels) {
    double mean = 0, var = 0;
    for (std::size_t c = 0; c < channels; ++c) mean += x[row + c] / static_cast<double>(channels);
    for (std::size_t c = 0; c < channels; ++c) var += std::pow(x[row + c] - mean, 2) / static_cast<double>(channels);
    for (std::size_t c = 0; c < channels; ++c) {
      y.push_back(gamma[c] * (x[row + c] - mean) / std::sqrt(var + eps) + beta[c]);
    }
  }
  return y;
}

OpCase<LayerNorm> norm_case(std::string name, Shape x, float eps = 1e-5f, double shift = 0) {
  std::int64_t channels = x[-1], rows = x.count() / channels;
  OpCase<LayerNorm> c{std::move(name), {eps}, {activation(x), vector(channels, 3), vector(channels, 4)}, {}, {}};
  for (double& value : c.inputs[0].values) value += shift;
  c.reference = [=](const std::vector<Reals>& v) { return normalised(v[0], v[1], v[2], eps); };
  c.slots = [=](std::size_t element) {
    return std::vector<std::size_t>{x.count() * element, static_cast<std::size_t>(rows) * 8,
                                    static_cast<std::size_t>(channels) * 4};
  };
  return c;
}

const Registered perf([] { return norm_case("3152x192", {3152, 192}); });
const Registered in_cache([] { return norm_case("80x192: in cache", {80, 192}); });

}  // namespace

TEST_CASE("layer_norm equals its reference", "[op]") {
  check(norm_case("ragged", {3, 7}));
  check(norm_case("one row", {1, 5}));
  check(norm_case("tokens", {2, 3, 20}, 1e-6f));
  check(norm_case("whole packs", {5, 2, 32}, 0.1f));
  check(norm_case("a row longer than a warp's packs", {3, 300}));
  check(norm_case("several threads and pieces", {301, 67}));
}

TEST_CASE("layer_norm is exact where the mean is large", "[op]") {
  Device device = GENERATE(from_range(devices()));
  SaveNothing nothing;
  Tensor x = to_tensor({4096, 4097, 4098, 4099}, {{1, 4}, DType::f32, device});
  Tensor one = to_tensor(Reals(4, 1), {{4}, DType::f32, device}), zero = to_tensor(Reals(4, 0), one.spec());
  CHECK(to_reals(LayerNorm{}.forward(nothing, x, one, zero))[3] == Approx(1.5 / std::sqrt(1.25 + 1e-5)));
}

TEST_CASE("layer_norm refuses parameters of another size", "[op]") {
  SaveNothing nothing;
  Tensor x({2, 5}, DType::f32), five({5}, DType::f32), four({4}, DType::f32);
  CHECK_THROWS_WITH(LayerNorm{}.forward(nothing, x, four, five),
                    Catch::Contains("layer_norm: expected parameters of [5] f32, got [4]"));
  CHECK_THROWS_AS(LayerNorm{}.forward(nothing, Tensor({0, 5}, DType::f32), five, five), Error);
}
