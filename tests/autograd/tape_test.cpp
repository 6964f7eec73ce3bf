#include <stint/kernels/add/add.h>
#include <stint/kernels/batch_norm/batch_norm.h>
#include <stint/kernels/cast/cast.h>
#include <stint/kernels/linear/linear.h>
#include <stint/kernels/relu/relu.h>
#include <stint/kernels/reshape/reshape.h>
#include <stint/kernels/softmax_cross_entropy/softmax_cross_entropy.h>

#include <catch2/catch.hpp>

#include "tape_fixtures.h"

using namespace stint;
using namespace stint::test;

namespace {

/// loss = cross-entropy(relu(x W1) W2 + x W1 W2): the hidden values are used twice.
struct SmallNet {
  Leaf w1 = make_leaf("w1", {5, 4}, 1);
  Leaf w2 = make_leaf("w2", {3, 5}, 2);
  Tensor x = to_tensor(random_reals(8, 3), {{2, 4}});
  Tensor classes = class_labels({2, 0});

  Value loss(Tape& tape, const Value& input) {
    Value hidden = tape.apply(Linear{}, input, tape.leaf(w1), Value());
    Value active = tape.apply(Relu{}, hidden);
    Value sum = tape.apply(Add{}, active, hidden);
    Value logits = tape.apply(Linear{}, sum, tape.leaf(w2), Value());
    return tape.apply(SoftmaxCrossEntropy{}, logits, tape.constant(classes));
  }

  double value() {
    Tape tape(Tape::Mode::inference);
    return scalar_of(loss(tape, tape.constant(x)).tensor());
  }

  double slope(Tensor& tensor, std::int64_t i) {
    float* element = tensor.data<float>() + i;
    float before = *element;
    constexpr float h = 1e-2f;
    *element = before + h;
    double above = value();
    *element = before - h;
    double below = value();
    *element = before;
    return (above - below) / (2 * h);
  }
};

}  // namespace

TEST_CASE("a net's gradients equal central differences, values used twice included", "[tape]") {
  SmallNet net;
  Tape tape;
  Value input = tape.variable(net.x);
  tape.backward(net.loss(tape, input));
  auto check_gradient = [&](Tensor& tensor, const Tensor& gradient) {
    for (std::int64_t i = 0; i < tensor.count(); ++i) {
      CHECK(gradient.data<float>()[i] == Approx(net.slope(tensor, i)).margin(2e-3));
    }
  };
  check_gradient(net.w1.value, net.w1.gradient);
  check_gradient(net.w2.value, net.w2.gradient);
  check_gradient(net.x, tape.gradient(input));
}

TEST_CASE("gradients that share memory are never corrupted by adding to one of them", "[tape]") {
  // y = (a + a) + (a + b): dy is handed to many places; d/da = 3, d/db = 1
  Tape tape;
  Tensor ones = to_tensor(Reals(6, 0.5), {{2, 3}});
  Value a = tape.variable(ones), b = tape.variable(ones.copy_to(Device::cpu()));
  Value twice = tape.apply(Add{}, a, a);
  Value sum = tape.apply(Add{}, a, b);
  Value y = tape.apply(Add{}, twice, sum);
  Value loss = tape.apply(SoftmaxCrossEntropy{}, y, tape.constant(class_labels({0, 2})));
  tape.backward(loss);
  Reals da = to_reals(tape.gradient(a)), db = to_reals(tape.gradient(b));
  for (std::size_t i = 0; i < da.size(); ++i) CHECK(da[i] == Approx(3 * db[i]));
  CHECK(db[1] == Approx(1.0 / 6));
}

TEST_CASE("a value that is two inputs of one operator gets both gradients", "[tape]") {
  Tape tape;
  Tensor c = to_tensor({1, 1, 1}, {{3}}), zero = to_tensor({0, 0, 0}, {{3}});
  Leaf gamma{"gamma", c, Tensor({3}, DType::f32)}, beta{"beta", zero, Tensor({3}, DType::f32)};
  Value x = tape.variable(to_tensor(random_reals(6, 4), {{2, 3}}));
  BatchNorm op{.training = false, .relu = true, .running_mean = zero, .running_var = c};
  Value y = tape.apply(op, x, tape.leaf(gamma), tape.leaf(beta), x);  // relu(x / sqrt(1 + eps) + x)
  tape.backward(tape.apply(SoftmaxCrossEntropy{}, y, tape.constant(class_labels({0, 2}))));

  Tape plain_tape;
  Value apart = plain_tape.variable(x.tensor()), residual = plain_tape.variable(x.tensor().copy_to(Device::cpu()));
  y = plain_tape.apply(op, apart, plain_tape.leaf(gamma), plain_tape.leaf(beta), residual);
  plain_tape.backward(plain_tape.apply(SoftmaxCrossEntropy{}, y, plain_tape.constant(class_labels({0, 2}))));
  Reals sum = to_reals(plain_tape.gradient(apart)), second = to_reals(plain_tape.gradient(residual));
  Reals got = to_reals(tape.gradient(x));
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == Approx(sum[i] + second[i]));
}

TEST_CASE("a leaf used twice adds up, and is announced once, when it is final", "[tape]") {
  Leaf w = make_leaf("w", {4, 4}, 1), last = make_leaf("last", {3, 4}, 2);
  std::vector<std::string> order;
  Tensor announced;
  auto run = [&](bool watch) {
    w.gradient_set = last.gradient_set = false;
    Tape tape;
    if (watch) {
      tape.on_gradient_ready([&](Leaf& leaf) {
        order.push_back(leaf.name);
        if (&leaf == &w) announced = leaf.gradient.copy_to(Device::cpu());
      });
    }
    Value x = tape.constant(to_tensor(random_reals(8, 3), {{2, 4}}));
    x = tape.apply(Linear{}, x, tape.leaf(w), Value());
    x = tape.apply(Linear{}, x, tape.leaf(w), Value());
    x = tape.apply(Linear{}, x, tape.leaf(last), Value());
    tape.backward(tape.apply(SoftmaxCrossEntropy{}, x, tape.constant(class_labels({0, 2}))));
  };
  run(true);
  CHECK(order == std::vector<std::string>{"last", "w"});
  CHECK(same_bits(announced, w.gradient));
  Tensor once = w.gradient.copy_to(Device::cpu());
  run(false);
  CHECK(same_bits(once, w.gradient));  // overwritten, not added to the last step's
}

TEST_CASE("a second backward adds to leaves that keep their gradients", "[tape]") {
  SmallNet net;
  for (int i = 0; i < 2; ++i) {
    Tape tape;
    tape.backward(net.loss(tape, tape.constant(net.x)));
  }
  Reals twice = to_reals(net.w1.gradient);
  net.w1.gradient_set = net.w2.gradient_set = false;
  Tape tape;
  tape.backward(net.loss(tape, tape.constant(net.x)), 2);
  Reals scaled = to_reals(net.w1.gradient);
  for (std::size_t i = 0; i < twice.size(); ++i) CHECK(twice[i] == Approx(scaled[i]));
}

TEST_CASE("inference saves nothing and frees what nobody holds", "[tape]") {
  SmallNet net;
  Tape tape(Tape::Mode::inference);
  Value loss = net.loss(tape, tape.constant(net.x));
  CHECK(tape.ledger().empty());
  CHECK_THROWS_WITH(tape.backward(loss), Catch::Contains("does not depend on any parameter"));
}

TEST_CASE("misuse of a tape is an error and never a crash", "[tape]") {
  SmallNet net;
  Tape tape, other;
  Value x = tape.constant(net.x), foreign = other.constant(net.x);
  CHECK_THROWS_WITH(tape.apply(Relu{}, Value()), Catch::Contains("relu: input 0 is missing"));
  CHECK_THROWS_WITH(tape.apply(Add{}, x, foreign), Catch::Contains("belongs to another tape"));
  CHECK_THROWS_WITH(tape.apply(Add{}, x, tape.constant(Tensor({2, 4}, DType::f32, Device::null()))),
                    Catch::Contains("input 1 is on null"));
  CHECK_THROWS_WITH(tape.constant(Tensor()), Catch::Contains("empty"));
  CHECK_THROWS_WITH(tape.backward(foreign), Catch::Contains("another tape"));
  CHECK_THROWS_WITH(tape.backward(Value()), Catch::Contains("another tape"));
  Value variable = tape.variable(net.x);
  CHECK_THROWS_WITH(tape.gradient(variable), Catch::Contains("before backward"));
  CHECK_THROWS_WITH(tape.backward(tape.apply(Relu{}, variable)), Catch::Contains("scalar"));
  Leaf bare{"bare", net.x, {}};
  CHECK_THROWS_WITH(tape.leaf(bare), Catch::Contains("leaf 'bare' has no f32 gradient"));
  Value loss = net.loss(tape, variable);
  tape.backward(loss);
  CHECK_THROWS_WITH(tape.backward(loss), Catch::Contains("has run on this tape already"));
  CHECK_THROWS_WITH(tape.apply(Relu{}, variable), Catch::Contains("needs a new tape"));
  CHECK_THROWS_WITH(tape.gradient(x), Catch::Contains("only a variable"));
  CHECK_THROWS_AS(tape.constant(net.x), Error);
}

TEST_CASE("an error inside an operator leaves the tape usable", "[tape]") {
  SmallNet net;
  Tape tape;
  Value x = tape.variable(net.x);
  CHECK_THROWS_AS(tape.apply(Linear{}, x, tape.leaf(net.w2), Value()), Error);
  CHECK_NOTHROW(tape.backward(net.loss(tape, x)));
}
