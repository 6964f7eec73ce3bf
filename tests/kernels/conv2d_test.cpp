#include <fmt/format.h>
#include <stint/kernels/conv2d/conv2d.h>
#include <stint/kernels/conv2d/conv2d_kernels.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>

#include "../op_case_tensors.h"
#include "image_reference.h"

using namespace stint;
using namespace stint::test;

namespace {

OpCase<Conv2d> conv_case(std::string name, Shape x, std::int64_t out, Window window, bool bias) {
  Shape w{out, window.kernel, window.kernel, x[3]};
  Shape y{x[0], window.output(x[1]), window.output(x[2]), out};
  OpCase<Conv2d> c{std::move(name), Conv2d{window}, {activation(x), weight(w), bias ? vector(out) : absent()}, {}, {}};
  c.reference = [=](const std::vector<Reals>& in) {
    Image image{in[0], x};
    Reals result;
    for_elements(y, [&](std::int64_t n, std::int64_t oh, std::int64_t ow, std::int64_t o) {
      double sum = bias ? in[2][o] : 0;
      for (int kh = 0; kh < window.kernel; ++kh) {
        for (int kw = 0; kw < window.kernel; ++kw) {
          for (std::int64_t i = 0; i < x[3]; ++i) {
            sum += image.at(n, oh * window.stride - window.padding + kh, ow * window.stride - window.padding + kw, i) *
                   in[1][((o * window.kernel + kh) * window.kernel + kw) * x[3] + i];
          }
        }
      }
      result.push_back(sum);
    });
    return result;
  };
  c.slots = [=](std::size_t element) { return std::vector<std::size_t>{x.count() * element, w.count() * element}; };
  c.library = true;
  return c;
}

constexpr Window window_3x3{.kernel = 3, .stride = 1, .padding = 1};

const Registered small_images([] {
  return conv_case("3x3 512>512 2x2 N=128", {128, 2, 2, 512}, 512, window_3x3, false);
});
const Registered few_images([] {
  return conv_case("3x3 128>128 28x28 N=16", {16, 28, 28, 128}, 128, window_3x3, false);
});
const Registered perf([] { return conv_case("3x3 64>64 32x32 N=32", {32, 32, 32, 64}, 64, window_3x3, false); });

/// y and the gradients of x and weight, with or without Winograd.
std::vector<Reals> all_passes(bool winograd) {
  setenv("STINT_WINOGRAD", winograd ? "always" : "off", 1);
  AnyCase c = erase(conv_case("", {4, 32, 32, 64}, 64, window_3x3, false));
  auto inputs = make_inputs(c, DType::f32, packings_of(c, Device::cpu()).back(), Device::cpu());
  RecordingSaver saver;
  Tensor y = c.forward(saver, inputs);
  auto gradients = run_backward(c, inputs, ReplayedSaved(saver), to_tensor(random_reals(y.count(), 5), y.spec()));
  unsetenv("STINT_WINOGRAD");
  return {to_reals(y), to_reals(gradients[0]), to_reals(gradients[1])};
}

double relative_error(const Reals& values, const Reals& exact) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    difference += (values[i] - exact[i]) * (values[i] - exact[i]);
    norm += exact[i] * exact[i];
  }
  return std::sqrt(difference / norm);
}

}  // namespace

TEST_CASE("Winograd can be switched off, and errs little", "[op]") {
  if (cpu_conv_layout() != CpuConvLayout::blocked || !__builtin_cpu_supports("avx512f")) {
    WARN("skipped: this machine has no AVX-512, and oneDNN no Winograd");
    return;
  }
  auto direct = all_passes(false), fast = all_passes(true);
  for (std::size_t i = 0; i < direct.size(); ++i) {
    double error = relative_error(fast[i], direct[i]);
    fmt::print("Winograd, pass {}: {:.1e} away from direct, relative to the norm\n", i, error);
    CHECK(error > 0);  // it is another algorithm
    CHECK(error < 3e-6);
  }
}

TEST_CASE("scratch memory of a convolution has a cap whatever the batch", "[op]") {
  for (std::int64_t batch : {128, 512, 2048, 8192}) {
    TensorSpec x{{batch, 4, 4, 512}, DType::f32, Device::cpu(), Packing::c16};
    for (ConvPass pass : {ConvPass::forward, ConvPass::backward_data, ConvPass::backward_weights}) {
      std::size_t bytes = cpu::conv2d_workspace({x, x, window_3x3, false}, pass, {}, false);
      INFO(batch << " images, pass " << int(pass));
      CHECK(bytes <= std::size_t{256} << 20);
    }
  }
}

TEST_CASE("conv2d equals its reference, ragged channels", "[op]") {
  check(conv_case("3x3 3>5 bias", {2, 5, 4, 3}, 5, window_3x3, true));
  check(conv_case("1x1 7>3", {1, 3, 3, 7}, 3, {.kernel = 1, .stride = 1, .padding = 0}, false));
  check(conv_case("5x5 1>6 pad 2", {2, 6, 6, 1}, 6, {.kernel = 5, .stride = 1, .padding = 2}, true));
}

TEST_CASE("conv2d equals its reference, one pixel", "[op]") {
  check(conv_case("3x3 5>3 bias", {2, 1, 1, 5}, 3, window_3x3, true));
  check(conv_case("1x1 16>16", {1, 1, 1, 16}, 16, {.kernel = 1, .stride = 1, .padding = 0}, false));
}

TEST_CASE("conv2d equals its reference, blocked channels", "[op]") {
  check(conv_case("3x3 16>16", {2, 5, 5, 16}, 16, window_3x3, false));
  check(conv_case("3x3 stride 2 16>32", {1, 5, 5, 16}, 32, {.kernel = 3, .stride = 2, .padding = 1}, true));
  check(conv_case("1x1 stride 2 16>32", {2, 4, 4, 16}, 32, {.kernel = 1, .stride = 2, .padding = 0}, false));
}

TEST_CASE("conv2d equals its reference, blocked on one side only", "[op]") {
  check(conv_case("3x3 3>16", {2, 4, 5, 3}, 16, window_3x3, false));
  check(conv_case("3x3 16>10 bias", {2, 4, 4, 16}, 10, window_3x3, true));
  check(conv_case("7x7 stride 2 3>16", {1, 9, 9, 3}, 16, {.kernel = 7, .stride = 2, .padding = 3}, false));
}

TEST_CASE("conv2d refuses shapes that do not fit", "[op]") {
  SaveNothing nothing;
  Tensor x({1, 4, 4, 3}, DType::f32);
  CHECK_THROWS_WITH(Conv2d{window_3x3}.forward(nothing, x, Tensor({8, 3, 3, 4}, DType::f32), {}),
                    Catch::Contains("conv2d: expected a weight [O,3,3,3]"));
  CHECK_THROWS_AS(Conv2d{window_3x3}.forward(nothing, x, Tensor({8, 3, 3, 3}, DType::bf16), {}), Error);
  CHECK_THROWS_WITH(
      Conv2d{window_3x3}.forward(nothing, Tensor(x.shape(), DType::i32), Tensor({8, 3, 3, 3}, DType::i32), {}),
      "conv2d: expected f32 or bf16, got i32");
  CHECK_THROWS_WITH(Conv2d{window_3x3}.forward(nothing, x, Tensor({0, 3, 3, 3}, DType::f32), {}),
                    Catch::Contains("O above 0"));
  CHECK_THROWS_AS(
      (Conv2d{{.kernel = 7, .stride = 1, .padding = 1}}.forward(nothing, x, Tensor({8, 7, 7, 3}, DType::f32), {})),
      Error);
  CHECK_THROWS_AS(
      Conv2d{window_3x3}.forward(nothing, Tensor({0, 4, 4, 3}, DType::f32), Tensor({8, 3, 3, 3}, DType::f32), {}),
      Error);
  CHECK_THROWS_AS(Conv2d{window_3x3}.forward(nothing, x, Tensor({8, 3, 3, 3}, DType::f32), Tensor({7}, DType::f32)),
                  Error);
}
