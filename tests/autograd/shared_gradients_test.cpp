#include <stint/kernels/add/add.h>
#include <stint/kernels/relu/relu.h>
#include <stint/kernels/reshape/reshape.h>

#include <catch2/catch.hpp>

#include "tape_fixtures.h"

using namespace stint;
using namespace stint::test;

namespace {

/// A random graph over scalars of adds, reshapes and ReLUs of positive values: each hands its dy on, most without a
/// copy, so that many gradients share memory. The gradient of an input is the number of paths from it to the loss.
class RandomGraph {
 public:
  static constexpr int variables = 3, leaves = 3, inputs = variables + leaves;

  explicit RandomGraph(std::uint64_t number) : random_{21, number} {
    for (int i = 0; i < leaves; ++i) {
      leaves_[i] = Leaf{"leaf", to_tensor({1}, {{1}}), to_tensor({-1e9}, {{1}})};  // its old gradient must not show
    }
    for (int i = 0; i < inputs; ++i) {
      Paths paths{};
      paths[i] = 1;
      Value value = i < variables ? tape_.variable(to_tensor({1}, {{1}})) : tape_.leaf(leaves_[i - variables]);
      nodes_.push_back({value, paths});
    }
    for (int i = 0; i < 14; ++i) grow();
  }

  void check_gradients() {
    tape_.backward(nodes_.back().value);
    for (int i = 0; i < inputs; ++i) {
      Tensor gradient = i < variables ? tape_.gradient(nodes_[i].value) : leaves_[i - variables].gradient;
      bool reached = i < variables ? static_cast<bool>(gradient) : leaves_[i - variables].gradient_set;
      INFO("input " << i);
      REQUIRE(reached >= (nodes_.back().paths[i] > 0));
      if (reached) REQUIRE(*gradient.data<float>() == static_cast<float>(nodes_.back().paths[i]));
    }
  }

 private:
  using Paths = std::array<std::int64_t, inputs>;
  struct Node {
    Value value;
    Paths paths;
  };

  /// Recent nodes are likelier, so that the graph gets deep.
  const Node& pick() {
    return nodes_[nodes_.size() - 1 - random_.below(draw_++, std::min<std::size_t>(8, nodes_.size()))];
  }

  void grow() {
    Node a = pick(), b = pick();
    switch (random_.below(draw_++, 4)) {
      case 0:
        nodes_.push_back({tape_.apply(Relu{}, a.value), a.paths});
        break;
      case 1:
        nodes_.push_back({tape_.apply(Reshape{{1}}, a.value), a.paths});
        break;
      default:
        for (int i = 0; i < inputs; ++i) a.paths[i] += b.paths[i];
        nodes_.push_back({tape_.apply(Add{}, a.value, b.value), a.paths});
    }
  }

  RandomSequence random_;
  std::uint64_t draw_ = 0;
  std::array<Leaf, leaves> leaves_;
  Tape tape_;
  std::vector<Node> nodes_;
};

}  // namespace

TEST_CASE("gradients that share memory count every path exactly, in any graph", "[tape]") {
  for (std::uint64_t number = 0; number < 300; ++number) {
    INFO("graph " << number);
    RandomGraph(number).check_gradients();
  }
}

TEST_CASE("doubling ten times, x + x, is a gradient of 1024, for variables and leaves", "[tape]") {
  Leaf leaf{"leaf", to_tensor({1}, {{1}}), Tensor({1}, DType::f32)};
  Tape tape;
  Value variable = tape.variable(to_tensor({1}, {{1}})), sum = tape.apply(Add{}, variable, tape.leaf(leaf));
  for (int i = 0; i < 10; ++i) sum = tape.apply(Add{}, sum, sum);
  tape.backward(sum);
  CHECK(scalar_of(tape.gradient(variable)) == 1024);
  CHECK(scalar_of(leaf.gradient) == 1024);
}

TEST_CASE("a leaf's gradient is written in its own place, however it is reached", "[tape]") {
  Leaf direct{"direct", to_tensor({1}, {{1}}), Tensor({1}, DType::f32)};
  float* place = direct.gradient.data<float>();
  Tape tape;
  Value variable = tape.variable(to_tensor({1}, {{1}}));
  Value sum = tape.apply(Add{}, tape.apply(Reshape{{1}}, tape.leaf(direct)), variable);
  tape.backward(sum, 3);
  CHECK(direct.gradient.data<float>() == place);
  CHECK(*place == 3);
  *place = 0;  // nobody else sees this memory
  CHECK(scalar_of(tape.gradient(variable)) == 3);
}
