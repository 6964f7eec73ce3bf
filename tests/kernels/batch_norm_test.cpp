#include <stint/kernels/batch_norm/batch_norm.h>
#include <stint/kernels/bits.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "../op_case_tensors.h"

using namespace stint;
using namespace stint::test;

namespace {

struct Options {
  bool training = true, relu = false, residual = false;
};

Reals running(std::int64_t channels, double base) {
  Reals values;
  for (std::int64_t c = 0; c < channels; ++c) values.push_back(base + 0.125 * static_cast<double>(c % 4));
  return values;
}

/// y of one channel-major position list: what the header's formula says.
Reals reference(const std::vector<Reals>& in, std::int64_t channels, const Options& o, double eps) {
  std::int64_t count = static_cast<std::int64_t>(in[0].size()) / channels;
  Reals y(in[0].size()), means = running(channels, 0.25), vars = running(channels, 0.5);
  for (std::int64_t c = 0; c < channels; ++c) {
    double mean = means[c], var = vars[c];
    if (o.training) {
      mean = var = 0;
      for (std::int64_t i = 0; i < count; ++i) mean += in[0][i * channels + c] / static_cast<double>(count);
      for (std::int64_t i = 0; i < count; ++i) {
        var += std::pow(in[0][i * channels + c] - mean, 2) / static_cast<double>(count);
      }
    }
    for (std::int64_t i = 0; i < count; ++i) {
      std::size_t at = i * channels + c;
      double value = in[1][c] * (in[0][at] - mean) / std::sqrt(var + eps) + in[2][c];
      if (o.residual) value += in[3][at];
      y[at] = o.relu ? std::max(value, 0.0) : value;
    }
  }
  return y;
}

OpCase<BatchNorm> norm_case(std::string name, Shape x, Options o) {
  std::int64_t channels = x[-1];
  BatchNorm op{.training = o.training, .relu = o.relu};
  op.running_mean = to_tensor(running(channels, 0.25), {{channels}});
  op.running_var = to_tensor(running(channels, 0.5), {{channels}});
  OpCase<BatchNorm> c{std::move(name), op, {}, {}, {}};
  c.on = [](BatchNorm there, Device device) {
    if (device.type != Device::Type::cuda) return there;
    there.running_mean = there.running_mean.copy_to(device);
    there.running_var = there.running_var.copy_to(device);
    return there;
  };
  // The residual keeps the sum in front of the ReLU away from its kink: it is large, with either sign.
  Input residual = activation(x, 4);
  for (double& value : residual.values) value = value < 0 ? -3 + value : 3 + value;
  c.inputs = {activation(x), vector(channels, 2), vector(channels, 3), o.residual ? residual : absent()};
  c.reference = [=](const std::vector<Reals>& in) { return reference(in, channels, o, op.eps); };
  c.slots = [=](std::size_t element) {
    auto n = static_cast<std::size_t>(channels);
    std::vector<std::size_t> bytes = {x.count() * element, 8 * n, 4 * n};
    if (o.relu) bytes.push_back(mask_bytes(x.count()));
    return bytes;
  };
  return c;
}

const Registered perf([] { return norm_case("relu residual 64x32x32x64", {64, 32, 32, 64}, {true, true, true}); });

}  // namespace

TEST_CASE("batch_norm equals its reference in training", "[op]") {
  check(norm_case("4-d, ragged channels", {2, 3, 3, 5}, {}));
  check(norm_case("2-d", {6, 7}, {}));
  check(norm_case("16 channels", {2, 3, 4, 16}, {}));
  check(norm_case("more channels than a tile's lanes", {3, 2, 2, 32}, {}));
  check(norm_case("residual", {2, 3, 3, 16}, {.residual = true}));
  check(norm_case("one pixel", {4, 1, 1, 3}, {}));
}

TEST_CASE("batch_norm equals its reference over many tiles, pieces and threads", "[op]") {
  check(norm_case("ragged", {3, 41, 37, 5}, {.relu = true, .residual = true}));
  check(norm_case("blocked", {2, 30, 29, 32}, {.relu = true, .residual = true}));
}

TEST_CASE("batch_norm with relu and residual equals its reference", "[op]") {
  check(norm_case("16 channels", {2, 3, 3, 16}, {.relu = true, .residual = true}));
  check(norm_case("ragged channels", {3, 3, 3, 3}, {.relu = true, .residual = true}));
  check(norm_case("running statistics", {2, 2, 2, 16}, {.training = false, .relu = true, .residual = true}));
}

TEST_CASE("batch_norm with running statistics equals its reference", "[op]") {
  check(norm_case("4-d", {2, 2, 3, 5}, {.training = false}));
  check(norm_case("16 channels", {2, 2, 2, 16}, {.training = false}));
}

TEST_CASE("batch_norm keeps large means exact", "[op]") {
  BatchNorm op;
  op.running_mean = to_tensor(Reals(16, 0), {{16}});
  op.running_var = to_tensor(Reals(16, 1), {{16}});
  Reals values = random_reals(8 * 40 * 40 * 16, 1);
  for (double& value : values) value = 1000 + value;  // mean 1000, deviation about 0.58
  SaveNothing nothing;
  Tensor one = to_tensor(Reals(16, 1), {{16}}), zero = to_tensor(Reals(16, 0), {{16}});
  for (Packing packing : {Packing::plain, Packing::c16}) {
    Tensor x = to_tensor(values, {{8, 40, 40, 16}, DType::f32, Device::cpu(), packing});
    Reals y = to_reals(op.forward(nothing, x, one, zero, {}));
    double sum = 0, square = 0;
    for (double value : y) {
      sum += value;
      square += value * value;
    }
    CHECK(std::abs(sum / static_cast<double>(y.size())) < 1e-3);
    CHECK(square / static_cast<double>(y.size()) == Approx(1).epsilon(1e-3));
  }
}

TEST_CASE("batch_norm moves the running statistics as PyTorch does", "[op]") {
  Device device = GENERATE(from_range(devices()));
  TensorSpec one{{1}, DType::f32, device};
  BatchNorm op{.momentum = 0.25f};
  op.running_mean = to_tensor({1}, one);
  op.running_var = to_tensor({2}, one);
  SaveNothing nothing;
  Tensor x = to_tensor({1, 2, 3, 6}, {{4, 1}, DType::f32, device});  // mean 3, unbiased variance 14/3
  op.forward(nothing, x, to_tensor({1}, one), to_tensor({0}, one), {});
  CHECK(to_reals(op.running_mean)[0] == Approx(1 + 0.25 * 2));
  CHECK(to_reals(op.running_var)[0] == Approx(2 + 0.25 * (14.0 / 3 - 2)));
}

TEST_CASE("batch_norm refuses what cannot be normalised", "[op]") {
  SaveNothing nothing;
  Tensor c = to_tensor({1, 1}, {{2}});
  BatchNorm op{.running_mean = c, .running_var = c};
  CHECK_THROWS_WITH(op.forward(nothing, Tensor({1, 2}, DType::f32), c, c, {}), Catch::Contains("more than one value"));
  CHECK_THROWS_AS(op.forward(nothing, Tensor({4, 3}, DType::f32), c, c, {}), Error);
  CHECK_THROWS_AS(op.forward(nothing, Tensor({4, 2}, DType::f32), c, c, Tensor({3, 2}, DType::f32)), Error);
  CHECK_THROWS_AS(op.forward(nothing, Tensor({0, 2}, DType::f32), c, c, {}), Error);
  CHECK_THROWS_AS(BatchNorm{}.forward(nothing, Tensor({4, 2}, DType::f32), c, c, {}), Error);  // no running statistics
}
