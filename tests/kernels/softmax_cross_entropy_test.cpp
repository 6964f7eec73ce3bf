#include <stint/kernels/softmax_cross_entropy/softmax_cross_entropy.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "../op_case_tensors.h"

using namespace stint;
using namespace stint::test;

namespace {

OpCase<SoftmaxCrossEntropy> loss_case(std::string name, std::int64_t classes, std::vector<int> targets, float smoothing,
                                      float weight = 1) {
  auto rows = static_cast<std::int64_t>(targets.size());
  OpCase<SoftmaxCrossEntropy> c{
      std::move(name), {smoothing, weight}, {activation({rows, classes}), labels(targets)}, {}, {}};
  c.reference = [=](const std::vector<Reals>& in) {
    double total = 0;
    for (std::int64_t n = 0; n < rows; ++n) {
      const double* row = in[0].data() + n * classes;
      double sum = 0;
      for (std::int64_t k = 0; k < classes; ++k) sum += std::exp(row[k]);
      for (std::int64_t k = 0; k < classes; ++k) {
        double target = smoothing / static_cast<double>(classes) + (k == in[1][n] ? 1 - smoothing : 0);
        total -= target * (row[k] - std::log(sum));
      }
    }
    return Reals{weight * total / static_cast<double>(rows)};
  };
  c.slots = [=](std::size_t element) {
    auto n = static_cast<std::size_t>(rows);
    return std::vector<std::size_t>{n * classes * element, n * 4, n * 4};
  };
  return c;
}

const Registered perf([] { return loss_case("256x1000", 1000, std::vector<int>(256, 7), 0.1f); });
const Registered in_cache([] {
  return loss_case("16x1000: in cache, one thread", 1000, std::vector<int>(16, 7), 0.1f);
});

}  // namespace

TEST_CASE("softmax_cross_entropy equals its reference", "[op]") {
  check(loss_case("three rows", 5, {0, 4, 2}, 0));
  check(loss_case("label smoothing", 7, {6, 1}, 0.1f));
  check(loss_case("a part of a loss", 4, {3, 0, 1}, 0.1f, 0.3f));
  check(loss_case("one class", 1, {0}, 0));
  check(loss_case("several threads", 3, std::vector<int>(131, 2), 0.1f));
  check(loss_case("one class more than a warp", 33, {32, 0}, 0.1f));
  check(loss_case("many classes", 1000, {999, 31}, 0));
  check(loss_case("more rows than a block", 2, std::vector<int>(600, 1), 0));
}

TEST_CASE("softmax_cross_entropy stays finite for huge logits", "[op]") {
  Device device = GENERATE(from_range(devices()));
  SaveNothing nothing;
  Tensor logits = to_tensor({1000, -1000, 0, 1000}, {{2, 2}, DType::f32, device});
  Tensor loss = SoftmaxCrossEntropy{}.forward(nothing, logits, to_tensor({0, 1}, {{2}, DType::i32, device}));
  CHECK(scalar_of(loss) == Approx(0).margin(1e-6));
}

TEST_CASE("on the CPU softmax_cross_entropy names a label out of range, which is an error of kind data", "[op]") {
  SaveNothing nothing;
  Tensor logits = to_tensor({1, 2, 3, 4}, {{2, 2}});
  for (int label : {-1, 2}) {
    Tensor classes = tensor_of<int>({2}, std::vector<int>{0, label});
    try {
      SoftmaxCrossEntropy{}.forward(nothing, logits, classes);
      FAIL("it was accepted");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::data);
      CHECK_THAT(error.what(), Catch::Contains("of sample 1 is not in [0, 2)"));
    }
  }
}

TEST_CASE("on CUDA a label out of range makes softmax_cross_entropy NaN", "[op]") {
  Device device = devices().back();
  if (device.type != Device::Type::cuda) return;
  SaveNothing nothing;
  Tensor logits = to_tensor({1, 2, 3, 4}, {{2, 2}, DType::f32, device});
  for (double label : {-1, 2}) {
    Tensor classes = to_tensor({0, label}, {{2}, DType::i32, device});
    CHECK(std::isnan(scalar_of(SoftmaxCrossEntropy{}.forward(nothing, logits, classes))));
  }
}

TEST_CASE("softmax_cross_entropy refuses logits and labels that do not fit", "[op]") {
  SaveNothing nothing;
  Tensor logits({2, 3}, DType::f32);
  CHECK_THROWS_AS(SoftmaxCrossEntropy{}.forward(nothing, logits, Tensor({3}, DType::i32)), Error);
  CHECK_THROWS_AS(SoftmaxCrossEntropy{}.forward(nothing, logits, Tensor({2}, DType::f32)), Error);
  CHECK_THROWS_AS(SoftmaxCrossEntropy{}.forward(nothing, Tensor({0, 3}, DType::f32), Tensor({0}, DType::i32)), Error);
}
