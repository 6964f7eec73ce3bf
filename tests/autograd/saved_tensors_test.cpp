#include <stint/kernels/add/add.h>
#include <stint/kernels/linear/linear.h>
#include <stint/kernels/relu/relu.h>
#include <stint/kernels/reshape/reshape.h>
#include <stint/kernels/softmax_cross_entropy/softmax_cross_entropy.h>

#include <catch2/catch.hpp>

#include "tape_fixtures.h"

using namespace stint;
using namespace stint::test;

namespace {

/// The ledger's row of a linear layer's input.
LedgerRow input_row(const Tape& tape, std::string_view op = "linear", int which = 0) {
  for (const LedgerRow& row : tape.ledger()) {
    if (row.slot.op == op && row.slot.index == 0 && which-- == 0) return row;
  }
  FAIL("no such row");
  return {};
}

Value loss_of(Tape& tape, const Value& logits) {
  std::vector<int> classes(logits.shape()[0], 1);
  return tape.apply(SoftmaxCrossEntropy{}, logits, tape.constant(tensor_of<int>({logits.shape()[0]}, classes)));
}

Tensor images() {
  return to_tensor(random_reals(4 * 6, 9), {{4, 6}});
}

}  // namespace

TEST_CASE("what is charged as saved equals the ledger, and is gone after backward", "[saved]") {
  Leaf w = make_leaf("w", {6, 6});
  REQUIRE(saved_bytes() == 0);
  Tape tape;
  Value x = tape.apply(Relu{}, tape.variable(images()));
  Value y = tape.apply(Linear{}, x, tape.leaf(w), Value());
  Value sum = tape.apply(Add{}, y, x);
  Value loss = loss_of(tape, sum);
  CHECK(saved_bytes() == ledger_bytes(tape));
  CHECK(saved_bytes() == 3 /* mask */ + 96 /* x */ + 96 /* logits */ + 16 + 16 /* labels, sums */);
  tape.backward(loss);
  CHECK(saved_bytes() == 0);
  CHECK(tape.ledger().empty());
}

TEST_CASE("an abandoned tape gives everything back", "[saved]") {
  Leaf w = make_leaf("w", {6, 6});
  Tensor kept;
  {
    Tape tape;
    Value x = tape.apply(Relu{}, tape.variable(images()));
    tape.apply(Linear{}, x, tape.leaf(w), Value());
    kept = x.tensor();
    CHECK(kept.storage()->purpose() == Purpose::saved);
  }
  CHECK(saved_bytes() == 0);
  CHECK(kept.storage()->purpose() == Purpose::other);
}

TEST_CASE("a parameter is held by its owner and costs the ledger nothing", "[saved]") {
  Leaf w = make_leaf("w", {6, 6});
  Tape tape;
  tape.apply(Linear{}, tape.constant(images()), tape.leaf(w), Value());
  LedgerRow row = tape.ledger()[1];
  CHECK(row.held_bytes == 0);
  CHECK(row.holder == "parameter");
}

TEST_CASE("a tensor is packed when its last handle outside the slots dies, not before", "[saved]") {
  HalfPolicy policy;
  Leaf w = make_leaf("w", {6, 6}), v = make_leaf("v", {6, 6});
  Tape tape(Tape::Mode::training, policy);
  Value x = tape.apply(Relu{}, tape.variable(images()));
  Value y = tape.apply(Linear{}, x, tape.leaf(w), Value());
  y = tape.apply(Linear{}, y, tape.leaf(v), Value());
  CHECK(input_row(tape).encoding == "dense");
  CHECK(input_row(tape).holder == "held outside");  // x is still ours
  x = Value();
  Value loss = loss_of(tape, y);  // the next application notices
  CHECK(input_row(tape).policy == "half");
  CHECK(input_row(tape).encoding == "half");
  CHECK(input_row(tape).holder == "");
  CHECK(input_row(tape).held_bytes == 48);
  CHECK(saved_bytes() == ledger_bytes(tape));
  tape.backward(loss);
  CHECK(saved_bytes() == 0);
}

TEST_CASE("an exact slot over the same storage keeps it dense", "[saved]") {
  HalfPolicy policy;
  Leaf w = make_leaf("w", {6, 6});
  Tape tape(Tape::Mode::training, policy);
  Value x = tape.apply(Relu{}, tape.variable(images()));
  tape.apply(Linear{}, x, tape.leaf(w), Value());
  Value loss = loss_of(tape, x);  // cross-entropy saves its logits exactly
  CHECK(input_row(tape).holder == "exact in softmax_cross_entropy slot 0");
  x = Value();
  tape.backward(loss);
  CHECK(policy.shared_slots.empty());
}

TEST_CASE("a weight that is computed makes the input's slot exact", "[saved]") {
  HalfPolicy policy;
  Tape tape(Tape::Mode::training, policy);
  Value weight = tape.apply(Relu{}, tape.variable(to_tensor(random_reals(36, 2), {{6, 6}})));
  Value loss;
  {
    Value x = tape.apply(Relu{}, tape.variable(images()));
    loss = loss_of(tape, tape.apply(Linear{}, x, weight, Value()));
  }
  CHECK(input_row(tape).slot.fidelity == Fidelity::exact);
  tape.backward(loss);
  CHECK(policy.shared_slots.empty());
}

TEST_CASE("two slots over one storage share one packed copy, views included", "[saved]") {
  HalfPolicy policy;
  Leaf w = make_leaf("w", {6, 6}), v = make_leaf("v", {6, 12});
  Tape tape(Tape::Mode::training, policy);
  Value loss;
  {
    Value x = tape.apply(Relu{}, tape.variable(images()));
    Value a = tape.apply(Linear{}, x, tape.leaf(w), Value());
    Value b = tape.apply(Linear{}, tape.apply(Reshape{{2, 12}}, x), tape.leaf(v), Value());
    a = tape.apply(Reshape{{2, 12}}, a);
    b = tape.apply(Add{}, b, b);
    loss = tape.apply(Add{}, loss_of(tape, a), loss_of(tape, b));
  }
  tape.backward(loss);
  CHECK(policy.shared_slots == std::vector<int>{2});
}

TEST_CASE("packing changes weight gradients and nothing else", "[saved]") {
  auto run = [](SavePolicy& policy, Tensor& dx) {
    Leaf w = make_leaf("w", {6, 6});
    Tape tape(Tape::Mode::training, policy);
    Value input = tape.variable(images()), loss;
    {
      Value x = tape.apply(Relu{}, input);
      loss = loss_of(tape, tape.apply(Linear{}, x, tape.leaf(w), Value()));
    }
    tape.backward(loss);
    dx = tape.gradient(input);
    return w.gradient;
  };
  HalfPolicy half;
  Tensor dense_dx, packed_dx;
  Tensor dense = run(keep_dense(), dense_dx), packed_weight = run(half, packed_dx);
  CHECK(same_bits(dense_dx, packed_dx));
  CHECK_FALSE(same_bits(dense, packed_weight));
}
