#include <stint/kernels/conv2d/conv2d.h>
#include <stint/kernels/conv2d/conv2d_kernels.h>
#include <stint/kernels/kept_weights.h>
#include <stint/kernels/linear/linear.h>

#include <catch2/catch.hpp>

#include "../op_case_tensors.h"

using namespace stint;
using namespace stint::test;

namespace {

Tensor random_tensor(Shape shape, std::uint64_t seed) {
  return to_tensor(random_reals(shape.count(), seed), TensorSpec{shape});
}

/// A convolution whose weight oneDNN wants in another layout.
struct Layer {
  Conv2d op{{.kernel = 3, .stride = 1, .padding = 1}};
  Tensor x = random_tensor({2, 8, 8, 16}, 1);
  Tensor weight = random_tensor({32, 3, 3, 16}, 2);

  Reals forward() const { return forward(x); }
  Reals forward(const Tensor& images) const {
    SaveNothing saver;
    return to_reals(op.forward(saver, images, weight, {}));
  }
  /// The values of x stay representable, so every product and sum is exactly twice what it was.
  void double_weight() const {
    for (float& value : weight.span<float>()) value *= 2;
  }
};

Reals twice(Reals values) {
  for (double& value : values) value *= 2;
  return values;
}

std::size_t workspace_bytes() {
  return allocator_of(Device::cpu()).stats().requested[Purpose::workspace];
}

/// False in a build without oneDNN, whose loops take weights as they lie.
bool weights_are_reordered() {
  TensorSpec x{{2, 8, 8, 16}, DType::f32, Device::cpu(), Packing::c16}, y{{2, 8, 8, 32}, DType::f32};
  y.packing = Packing::c16;
  bool any = cpu::conv2d_workspace({x, y, Layer().op.window, false}, ConvPass::forward, {}, false) > 0;
  if (!any) WARN("skipped: no weight is reordered in this build");
  return any;
}

}  // namespace

TEST_CASE("a weight is reordered once in a scope, and anew behind it", "[op]") {
  if (!weights_are_reordered()) return;
  Layer layer;
  Reals first = layer.forward();
  std::size_t before = workspace_bytes();
  {
    KeptWeights unchanged;
    CHECK(layer.forward() == first);
    CHECK(workspace_bytes() - before == layer.weight.bytes());
    layer.forward(random_tensor({5, 8, 8, 16}, 3));  // a batch of another size wants the same layout
    CHECK(workspace_bytes() - before == layer.weight.bytes());
    layer.double_weight();  // against the rule, and so it is seen that nobody looks again
    CHECK(layer.forward() == first);
    KeptWeights inner;
    CHECK(layer.forward() == twice(first));
  }
  CHECK(workspace_bytes() == before);
  CHECK(layer.forward() == twice(first));
}

TEST_CASE("a weight that lies where a freed one lay is another weight", "[op]") {
  Layer layer, other;
  for (float& value : other.weight.span<float>()) value = -value;
  Reals first = layer.forward(), second = other.forward();
  std::vector<Tensor> row;  // neighbours that stay: what is freed between them is a hole of just this size
  for (int i = 0; i < 9; ++i) row.push_back(layer.weight.copy_to(Device::cpu()));
  KeptWeights unchanged;
  layer.weight = std::exchange(row[4], {});
  const std::byte* address = layer.weight.raw();
  CHECK(layer.forward() == first);
  layer.weight = Tensor();
  while (row.size() < 100 && row.back().raw() != address) row.emplace_back(other.weight.spec());
  layer.weight = row.back();  // which has the address, if it was free
  layer.weight.copy_from(other.weight);
  CHECK(layer.forward() == second);
}

TEST_CASE("a kept weight serves all passes, and both types", "[op]") {
  DType dtype = GENERATE(DType::f32, DType::bf16);
  Linear op;
  TensorSpec spec{{64, 48}, dtype};
  Tensor x = to_tensor(random_reals(64 * 48, 1), spec);
  spec.shape = {32, 48};
  Tensor weight = to_tensor(random_reals(32 * 48, 2), spec);
  spec.shape = {64, 32};
  Tensor dy = to_tensor(random_reals(64 * 32, 3), spec);
  auto passes = [&] {
    RecordingSaver saver;
    Tensor y = op.forward(saver, x, weight, {}), dx, dweight;
    TensorSpec f32{weight.shape()};
    op.backward(ReplayedSaved(saver), dy, Grad(GradMode::overwrite, dx, x.spec()),
                Grad(GradMode::overwrite, dweight, f32), {});
    return std::vector<Reals>{to_reals(y), to_reals(dx), to_reals(dweight)};
  };
  auto expected = passes();
  KeptWeights unchanged;
  CHECK(passes() == expected);
  CHECK(passes() == expected);
}
