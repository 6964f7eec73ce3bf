#include <stint/autograd/drop_policy.h>
#include <stint/kernels/add/add.h>
#include <stint/kernels/conv2d/conv2d.h>
#include <stint/kernels/conv2d/conv2d_kernels.h>
#include <stint/kernels/global_pool/global_pool.h>
#include <stint/kernels/linear/linear.h>
#include <stint/kernels/relu/relu.h>
#include <stint/kernels/softmax_cross_entropy/softmax_cross_entropy.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "tape_fixtures.h"

using namespace stint;
using namespace stint::test;

namespace {

constexpr Window window_3x3{.kernel = 3, .stride = 1, .padding = 1};
constexpr Window window_1x1{.kernel = 1, .stride = 1, .padding = 0};

/// Images to logits by a residual block: `a`'s input is also the shortcut's, packed for the CPU's convolutions.
struct Block {
  Leaf stem = make_leaf("stem", {16, 3, 3, 3}, 1);
  Leaf a = make_leaf("a", {16, 3, 3, 16}, 2), a_bias = make_leaf("a_bias", {16}, 3);
  Leaf shortcut = make_leaf("shortcut", {16, 1, 1, 16}, 4);
  Leaf head = make_leaf("head", {4, 16}, 5), head_bias = make_leaf("head_bias", {4}, 6);

  Value loss(Tape& tape, const Value& images, bool frozen = false) {
    Value x = in(tape, "stem", [&] { return tape.apply(Conv2d{window_3x3}, images, tape.leaf(stem), Value()); });
    x = tape.apply(Relu{}, x);
    Value weight = frozen ? tape.constant(a.value) : tape.leaf(a);
    Value y = in(tape, "a", [&] { return tape.apply(Conv2d{window_3x3}, x, weight, tape.leaf(a_bias)); });
    x = in(tape, "shortcut", [&] { return tape.apply(Conv2d{window_1x1}, x, tape.leaf(shortcut), Value()); });
    x = tape.apply(Relu{}, tape.apply(Add{}, x, y));
    y = Value();
    x = tape.apply(GlobalPool{}, x);
    x = in(tape, "head", [&] { return tape.apply(Linear{}, x, tape.leaf(head), tape.leaf(head_bias)); });
    return tape.apply(SoftmaxCrossEntropy{}, x, tape.constant(class_labels({0, 3, 1})));
  }

 private:
  template <typename Body>
  Value in(Tape& tape, const char* layer, const Body& body) {
    tape.enter_layer(layer);
    Value result = body();
    tape.leave_layer();
    return result;
  }
};

/// Everything that one step makes.
struct Step {
  Block net;
  Tensor loss, images_gradient;
  std::vector<LedgerRow> ledger;

  explicit Step(SavePolicy& policy, bool frozen = false) {
    Tape tape(Tape::Mode::training, policy);
    Value images = tape.variable(to_tensor(random_reals(3 * 6 * 6 * 3, 9), {{3, 6, 6, 3}}));
    Value value = net.loss(tape, images, frozen);
    loss = value.tensor();
    tape.settle();
    ledger = tape.ledger();
    CHECK(saved_bytes() == ledger_bytes(tape));
    tape.backward(value);
    images_gradient = tape.gradient(images);
  }

  const LedgerRow& input_of(std::string_view layer) const {
    for (const LedgerRow& row : ledger) {
      if (row.slot.layer == layer && row.slot.index == 0) return row;
    }
    FAIL("no such row");
    return ledger.front();
  }
};

Step step_with(DropRules rules, double gamma, bool frozen = false) {
  DropPolicy policy(std::move(rules));
  policy.start_step(0, gamma);
  return Step(policy, frozen);
}

/// What dropping must not touch.
void check_exact_parts(const Step& dense, const Step& dropped) {
  CHECK(same_bits(dense.loss, dropped.loss));
  CHECK(same_bits(dense.images_gradient, dropped.images_gradient));
  CHECK(same_bits(dense.net.a_bias.gradient, dropped.net.a_bias.gradient));
  CHECK(same_bits(dense.net.head_bias.gradient, dropped.net.head_bias.gradient));
}

}  // namespace

TEST_CASE("dropping changes weight gradients and nothing else, by every strategy and index", "[drop]") {
  Step dense(keep_dense());
  for (auto strategy : {DropStrategy::mink, DropStrategy::random, DropStrategy::nsigma, DropStrategy::sampled}) {
    for (auto index : {DropIndex::bitmask, DropIndex::int32}) {
      Step dropped = step_with({.strategy = strategy, .index = index}, 0.8);
      check_exact_parts(dense, dropped);
      CHECK_FALSE(same_bits(dense.net.a.gradient, dropped.net.a.gradient));
      CHECK_FALSE(same_bits(dense.net.shortcut.gradient, dropped.net.shortcut.gradient));
      CHECK_FALSE(same_bits(dense.net.head.gradient, dropped.net.head.gradient));
      CHECK(same_bits(dense.net.stem.gradient, dropped.net.stem.gradient));  // the images are held outside
      CHECK(dropped.input_of("stem").holder == "held outside");
    }
  }
}

TEST_CASE("dropping nothing is the keep path, and what is zero can be dropped for free", "[drop]") {
  Step dense(keep_dense()), kept = step_with({}, 0);
  check_exact_parts(dense, kept);
  CHECK(same_bits(dense.net.a.gradient, kept.net.a.gradient));
  CHECK(kept.input_of("a").policy == "keep");
  // Behind the first ReLU about half of the elements are zero: largest magnitudes never touch the others.
  Step dropped = step_with({.operators = {"conv2d"}}, 0.2);
  CHECK(dropped.input_of("a").policy == "drop");
  CHECK(same_bits(dense.net.a.gradient, dropped.net.a.gradient));
  CHECK(same_bits(dense.net.shortcut.gradient, dropped.net.shortcut.gradient));
}

TEST_CASE("operators, excluded layers and gammas of their own choose what is dropped", "[drop]") {
  Step dense(keep_dense());
  Step linear = step_with({.operators = {"linear"}}, 0.9);
  CHECK(linear.input_of("a").policy == "keep");
  CHECK(linear.input_of("head").policy == "drop");
  CHECK(same_bits(dense.net.a.gradient, linear.net.a.gradient));
  Step without_head = step_with({.excluded = {"head"}}, 0.9);
  CHECK(without_head.input_of("a").encoding == "mink 0.9 bitmask");
  CHECK(without_head.input_of("head").policy == "keep");
  CHECK(same_bits(dense.net.head.gradient, without_head.net.head.gradient));
  Step own = step_with({.gammas = {{"head", 0.99}, {"a", 0.5}}}, 0.9);
  CHECK(own.input_of("a").encoding == "mink 0.5 bitmask");  // the shortcut's 0.9 asks for less care
  CHECK(own.input_of("head").encoding == "mink 0.99 int32");
}

TEST_CASE("layers over one storage share one packed copy, and one of them can keep it whole", "[drop]") {
  Step dropped = step_with({}, 0.9);
  const LedgerRow &first = dropped.input_of("a"), &second = dropped.input_of("shortcut");
  std::int64_t count = 3 * 6 * 6 * 16, capacity = drop_capacity(count, 0.9);
  CHECK(first.held_bytes == static_cast<std::size_t>(capacity * 4 + count / 8 + 16));
  CHECK(first.dense_bytes == static_cast<std::size_t>(count * 4));
  CHECK(second.held_bytes == 0);
  CHECK(second.encoding == first.encoding);
  CHECK(first.holder == "shared with shortcut conv2d slot 0");
  CHECK(second.holder == "shared with a conv2d slot 0");
  CHECK(first.packable);
  CHECK_FALSE(dropped.input_of("stem").packable);  // the images are held outside
  Step whole = step_with({.excluded = {"shortcut"}}, 0.9), dense(keep_dense());
  CHECK(whole.input_of("a").policy == "keep");
  CHECK(same_bits(whole.net.a.gradient, dense.net.a.gradient));
}

TEST_CASE("a frozen weight's input may be dropped, and its gradients stay exact", "[drop]") {
  Step dense(keep_dense(), true), dropped = step_with({}, 0.9, true);
  check_exact_parts(dense, dropped);
  CHECK(dropped.input_of("a").policy == "drop");
  CHECK_FALSE(same_bits(dense.net.shortcut.gradient, dropped.net.shortcut.gradient));
}

TEST_CASE("random dropping depends on seed and step, and on nothing before them", "[drop]") {
  auto gradient = [](std::uint64_t seed, std::int64_t step) {
    DropPolicy policy({.strategy = DropStrategy::random, .seed = seed});
    policy.start_step(step, 0.5);
    return Step(policy).net.a.gradient;
  };
  DropPolicy used({.strategy = DropStrategy::random, .seed = 1});
  used.start_step(6, 0.5);
  Step before(used);
  used.start_step(7, 0.5);
  CHECK(same_bits(Step(used).net.a.gradient, gradient(1, 7)));
  CHECK_FALSE(same_bits(gradient(1, 8), gradient(1, 7)));
  CHECK_FALSE(same_bits(gradient(2, 7), gradient(1, 7)));
}

namespace {

double norm(const Reals& values) {
  double sum = 0;
  for (double value : values) sum += value * value;
  return std::sqrt(sum);
}

/// What the smallest magnitudes, all but `kept`, weigh together.
double residual_norm(Reals values, std::int64_t kept) {
  std::sort(values.begin(), values.end(), [](double a, double b) { return std::abs(a) > std::abs(b); });
  values.erase(values.begin(), values.begin() + kept);
  return norm(values);
}

struct LinearStep {
  Reals weight_gradient, output_gradient;

  LinearStep(SavePolicy& policy, const Reals& inputs) {
    Tape tape(Tape::Mode::training, policy);
    Leaf weight = make_leaf("weight", {8, 40}, 2);
    Value x = tape.constant(to_tensor(inputs, {{30, 40}}));
    Value zeros = tape.variable(to_tensor(Reals(30 * 8, 0.0), {{30, 8}}));  // its gradient is the output's
    Value y = tape.apply(Add{}, tape.apply(Linear{}, x, tape.leaf(weight), Value()), zeros);
    x = Value();
    std::vector<std::int32_t> labels(30, 3);
    Value loss = tape.apply(SoftmaxCrossEntropy{}, y, tape.constant(class_labels(labels)));
    tape.backward(loss);
    weight_gradient = to_reals(weight.gradient);
    output_gradient = to_reals(tape.gradient(zeros));
  }
};

}  // namespace

TEST_CASE("the error of a weight gradient is bounded by what was dropped", "[drop]") {  // |dW - dW'| <= |dY| |X - X'|
  Reals inputs = random_reals(30 * 40, 7);
  LinearStep dense(keep_dense(), inputs);
  double last = -1;
  for (double gamma : {0.5, 0.7, 0.9, 0.99}) {
    DropPolicy policy({});
    policy.start_step(0, gamma);
    LinearStep dropped(policy, inputs);
    Reals error = dropped.weight_gradient;
    for (std::size_t i = 0; i < error.size(); ++i) error[i] -= dense.weight_gradient[i];
    double bound = norm(dense.output_gradient) * residual_norm(inputs, drop_capacity(30 * 40, gamma));
    CHECK(norm(error) > last);
    CHECK(norm(error) <= bound);
    CHECK(norm(error) > 0.01 * bound);  // the bound says something
    last = norm(error);
  }
}

TEST_CASE("the larger gamma, the less energy is kept, and the largest keep more than random ones", "[drop]") {
  auto energy = [](DropStrategy strategy, double gamma) {
    DropPolicy policy({.strategy = strategy});
    policy.start_step(0, gamma);
    policy.set_recording(Recording::energy);
    Step step(policy);
    return policy.records().at(0).kept_energy;
  };
  double last = 1;
  for (double gamma : {0.6, 0.7, 0.8, 0.9, 0.99}) {
    double largest = energy(DropStrategy::mink, gamma);
    CHECK(largest < last);
    CHECK(largest > energy(DropStrategy::random, gamma));
    last = largest;
  }
}

TEST_CASE("the energy of few kept elements is theirs alone, whatever lies behind them", "[drop]") {
  Allocator& allocator = allocator_of(Device::cpu());
  allocator.set_checks(true);  // fresh memory is NaN
  Tensor x = to_tensor({0, 0, 8, 0, 0, 0, 0, 6, 0, 0}, {{10}, DType::f32});
  DropPolicy policy({.strategy = DropStrategy::nsigma});
  policy.start_step(0, 0.5);
  policy.set_recording(Recording::energy);
  Slot slot{.op = "linear", .layer = "fc"};
  policy.pack(x, std::span(&slot, 1));
  allocator.set_checks(false);
  const DropRecord& record = policy.records().at(0);
  CHECK(record.counts.kept == 2);
  CHECK(record.capacity == 5);
  CHECK(record.kept_energy == 1);
}

TEST_CASE("records say what was kept of each tensor", "[drop]") {
  DropPolicy policy({.strategy = DropStrategy::nsigma});
  policy.start_step(0, 0.7);
  policy.set_recording(Recording::energy);
  Step step(policy);
  REQUIRE(policy.records().size() == 2);
  const DropRecord& record = policy.records()[0];
  CHECK(record.layers == std::vector<std::string>{"a", "shortcut"});
  CHECK(record.elements == 3 * 6 * 6 * 16);
  CHECK(record.capacity == drop_capacity(record.elements, 0.7));
  CHECK(record.counts.kept <= record.capacity);
  CHECK(record.counts.kept > 0);
  CHECK(record.kept_energy > 0.3);
  CHECK(record.kept_energy < 1);
  std::int64_t kept = record.counts.kept;
  policy.start_step(1, 0.7);
  CHECK(policy.records().empty());
  policy.set_recording(Recording::counts);
  Step again(policy);
  CHECK(policy.records().at(0).counts.kept == kept);
  CHECK(policy.records()[0].kept_energy == 0);
  policy.start_step(2, 0.7);
  policy.set_recording(Recording::off);
  Step last(policy);
  CHECK(policy.records().empty());
}

namespace {

/// What backward of a layer adds at most to what is there before it, in units of the layer's input, of which nine
/// tenths are dropped. `logits` makes [N,C] of that input.
template <typename Logits>
double peak_of_backward(const TensorSpec& input, const Logits& logits) {
  DropPolicy policy({});
  policy.start_step(0, 0.9);
  Tape tape(Tape::Mode::training, policy);
  Value loss;
  {
    Value x = tape.apply(Relu{}, tape.variable(to_tensor(random_reals(input.shape.count(), 9), input)));
    x = logits(tape, x);
    std::vector<int> classes(static_cast<std::size_t>(input.shape[0]), 1);
    loss = tape.apply(SoftmaxCrossEntropy{}, x, tape.constant(class_labels(classes)));
  }
  tape.settle();
  auto ledger = tape.ledger();
  CHECK(std::any_of(ledger.begin(), ledger.end(), [](const LedgerRow& row) { return row.policy == "drop"; }));
  Allocator& allocator = allocator_of(Device::cpu());
  allocator.reset_peak();
  std::size_t before = allocator.stats().requested.total();
  tape.backward(loss);
  return static_cast<double>(allocator.stats().peak.total() - before) / static_cast<double>(input.bytes());
}

}  // namespace

// Of dy, the dense input and the input's gradient there are never all three.
TEST_CASE("the dense form is gone before the input's gradient is made", "[drop]") {
  Leaf linear = make_leaf("linear", {32, 32}), conv = make_leaf("conv", {32, 1, 1, 32});
  CHECK(peak_of_backward({{4096, 32}}, [&](Tape& tape, const Value& x) {
          return tape.apply(Linear{}, x, tape.leaf(linear), Value());
        }) < 3);
  bool blocked = cpu_conv_layout() == CpuConvLayout::blocked;  // a reordered gradient would be one more
  TensorSpec images{{16, 24, 24, 32}, DType::f32, Device::cpu(), blocked ? Packing::c16 : Packing::plain};
  CHECK(peak_of_backward(images, [&](Tape& tape, const Value& x) {
          return tape.apply(GlobalPool{}, tape.apply(Conv2d{window_1x1}, x, tape.leaf(conv), Value()));
        }) < 3);
}

TEST_CASE("paths below a layer", "[drop]") {
  CHECK(is_below("layer1.0.conv1", "layer1"));
  CHECK(is_below("layer1", "layer1"));
  CHECK_FALSE(is_below("layer10.conv", "layer1"));
  CHECK(is_below("fc", ""));
}
