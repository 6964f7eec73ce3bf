#include <stint/kernels/add/add.h>
#include <stint/kernels/linear/linear.h>
#include <stint/kernels/relu/relu.h>
#include <stint/kernels/softmax_cross_entropy/softmax_cross_entropy.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "tape_fixtures.h"

using namespace stint;
using namespace stint::test;

namespace {

Tensor images() {
  return to_tensor(random_reals(4 * 6, 9), {{4, 6}});
}

/// relu(x) W with W [6,6], and its loss.
Value small_loss(Tape& tape, const Value& x, Leaf& w) {
  Value y = tape.apply(Linear{}, tape.apply(Relu{}, x), tape.leaf(w), Value());
  return tape.apply(SoftmaxCrossEntropy{}, y, tape.constant(class_labels({0, 1, 2, 3})));
}

}  // namespace

TEST_CASE("memory that runs out anywhere in a step is an error of kind memory, and everything is given back",
          "[tape]") {
  Leaf w = make_leaf("w", {6, 6});
  Allocator& allocator = allocator_of(Device::cpu());
  std::size_t before = allocator.stats().requested.total();
  int failures = 0;
  bool finished = false;
  for (std::size_t spare = 0; !finished; spare += 16) {
    allocator.set_limit(before + 96 + spare);
    try {
      Tape tape;
      Value x = tape.variable(Tensor({4, 6}, DType::f32));
      x.tensor().zero();
      tape.backward(small_loss(tape, x, w));
      finished = true;
    } catch (const Error& error) {
      REQUIRE(error.kind() == ErrorKind::memory);
      ++failures;
    }
    allocator.set_limit(0);
    w.gradient_set = false;
    REQUIRE(allocator.stats().requested.total() == before);
    REQUIRE(saved_bytes() == 0);
  }
  CHECK(failures > 10);
}

TEST_CASE("a callback that throws ends the step and loses nothing", "[tape]") {
  Leaf w = make_leaf("w", {6, 6});
  {
    Tape tape;
    tape.on_gradient_ready([](Leaf&) { fail(ErrorKind::peer_lost, "all_reduce", "rank 1 is gone"); });
    Value loss = small_loss(tape, tape.variable(images()), w);
    try {
      tape.backward(loss);
      FAIL("nobody noticed");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::peer_lost);
    }
    CHECK_THROWS_AS(tape.backward(loss), Error);
  }
  CHECK(saved_bytes() == 0);
}

TEST_CASE("values outlive their tape as tensors, and no other tape takes them", "[tape]") {
  Value kept;
  {
    Tape tape;
    kept = tape.apply(Relu{}, tape.variable(images()));
  }
  CHECK(kept.tensor().count() == 24);
  Tape other;
  CHECK_THROWS_WITH(other.apply(Relu{}, kept), Catch::Contains("belongs to another tape"));
}

TEST_CASE("layers are left as often as they were entered", "[tape]") {
  Tape tape;
  CHECK_THROWS_AS(tape.leave_layer(), Error);
  tape.enter_layer("block");
  tape.enter_layer("block.relu");
  Value y = tape.apply(Relu{}, tape.variable(images()));
  tape.leave_layer();
  tape.apply(Add{}, y, y);
  tape.leave_layer();
  CHECK_THROWS_AS(tape.leave_layer(), Error);
  CHECK(tape.ledger().at(0).slot.layer == "block.relu");
  REQUIRE(tape.applications().size() == 2);
  CHECK(tape.applications()[0].op == "relu");
  CHECK(tape.applications()[0].layer == "block.relu");
  CHECK(tape.applications()[0].output.shape == Shape{4, 6});
  CHECK(tape.applications()[0].work.bytes == 2 * 96);
  CHECK(tape.applications()[1].layer == "block");
}

TEST_CASE("what depends on constants alone saves nothing", "[tape]") {
  Tape tape;
  Value y = tape.apply(Relu{}, tape.constant(images()));
  Value loss = tape.apply(SoftmaxCrossEntropy{}, y, tape.constant(class_labels({0, 1, 2, 3})));
  CHECK(tape.ledger().empty());
  CHECK_THROWS_WITH(tape.backward(loss), Catch::Contains("does not depend on any parameter"));
}

TEST_CASE("a loss that is itself an input has the seed as its gradient", "[tape]") {
  {
    Tape tape;
    Value variable = tape.variable(to_tensor({5}, {{1}}));
    tape.backward(variable, 2);
    CHECK(scalar_of(tape.gradient(variable)) == 2);
  }
  Leaf leaf{"leaf", to_tensor({5}, {{1}}), to_tensor({-1}, {{1}})};
  int announced = 0;
  Tape tape;
  tape.on_gradient_ready([&](Leaf&) { ++announced; });
  tape.backward(tape.leaf(leaf), 2);
  CHECK(scalar_of(leaf.gradient) == 2);
  CHECK(announced == 1);
}

TEST_CASE("a leaf that only feeds a dead end is announced once, with a gradient of zero", "[tape]") {
  Leaf used = make_leaf("used", {6, 6}), dead = make_leaf("dead", {6, 6});
  dead.gradient.data<float>()[0] = 77;  // of the step before
  std::vector<std::string> announced;
  Tape tape;
  tape.on_gradient_ready([&](Leaf& leaf) {
    announced.push_back(leaf.name);
    CHECK(leaf.gradient_set);
    if (&leaf == &dead) CHECK(to_reals(leaf.gradient) == Reals(36, 0.0));
  });
  Value x = tape.variable(images());
  tape.apply(Linear{}, x, tape.leaf(dead), Value());
  tape.backward(small_loss(tape, x, used));
  std::sort(announced.begin(), announced.end());
  CHECK(announced == std::vector<std::string>{"dead", "used"});
}
