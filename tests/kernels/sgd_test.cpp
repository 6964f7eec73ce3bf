#include <stint/kernels/sgd/sgd.h>

#include "update_reference.h"

using namespace stint;
using namespace stint::test;

namespace {

/// The formula of the header in double precision, for one step.
void reference_step(const Sgd& rule, double lr, const Reals& direction, const Reals& decay, Reals& x, Reals& v) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    double d = direction[i] + decay[i] * x[i];
    v[i] = double(rule.momentum) * v[i] + d;
    if (rule.nesterov) d += double(rule.momentum) * v[i];
    x[i] -= lr * (rule.nesterov ? d : v[i]);
  }
}

}  // namespace

TEST_CASE("sgd equals its formula over several steps, padding stays zero, the bf16 twin follows", "[op]") {
  Device device = GENERATE(from_range(devices()));
  BlockTable table = make_table();
  for (bool nesterov : {false, true}) {
    Sgd rule{.momentum = 0.9f, .weight_decay = 0.1f, .nesterov = nesterov};
    Tensor x = make_flat(table, 1, device), v = make_zeros(table, device);
    Tensor twin(x.shape(), DType::bf16, device);
    Reals rx = to_reals(x), rv(rx.size(), 0.0), decay = decay_of(table, rule.weight_decay);
    for (int step = 0; step < 3; ++step) {
      Tensor g = make_flat(table, 2 + step, device);
      rule.update(x, g, v, twin, decay_runs(table), 0.1f);
      reference_step(rule, 0.1f, to_reals(g), decay, rx, rv);
      require_same(x, rx);
      require_same(v, rv);
      require_twin(twin, x);
    }
  }
}

TEST_CASE("sgd without momentum keeps no velocity", "[op]") {
  Device device = GENERATE(from_range(devices()));
  BlockTable table = make_table();
  Tensor x = make_flat(table, 1, device), g = make_flat(table, 2, device);
  Reals expected = to_reals(x), velocity(expected.size(), 0.0);
  reference_step({}, 0.5, to_reals(g), Reals(expected.size(), 0.0), expected, velocity);
  Sgd{}.update(x, g, {}, {}, decay_runs(table), 0.5f);
  require_same(x, expected);
}

TEST_CASE("sgd refuses vectors that do not fit, and Nesterov without momentum", "[op]") {
  BlockTable table = make_table();
  Tensor x = make_flat(table, 1), g = make_flat(table, 2), one({1}, DType::f32);
  CHECK_THROWS_AS(Sgd{}.update(x, one, {}, {}, decay_runs(table), 0.5f), Error);
  CHECK_THROWS_AS(Sgd{.momentum = 0.9f}.update(x, g, {}, {}, decay_runs(table), 0.5f), Error);
  CHECK_THROWS_AS(Sgd{.momentum = 0.9f}.update(x, g, one, {}, decay_runs(table), 0.5f), Error);
  CHECK_THROWS_WITH(Sgd{}.update(x, g, {}, one, decay_runs(table), 0.5f), Catch::Contains("sgd: expected a twin of"));
  CHECK_THROWS_WITH(Sgd{}.update(one, one, {}, {}, decay_runs(table), 0.5f),
                    Catch::Contains("sgd: expected decays of 1 elements"));
  CHECK_THROWS_AS((Sgd{.momentum = 0, .weight_decay = 0, .nesterov = true}.update(x, g, {}, {}, {}, 0.5f)), Error);
}

TEST_CASE("decay runs cover the flat vector in order and join neighbours of one kind", "[op]") {
  BlockTable table;
  table.add("a", {5}, true);
  table.add("b", {64}, true);
  table.add("c", {1}, false);
  DecayRuns runs = decay_runs(table);
  REQUIRE(runs.size() == 2);
  CHECK(runs[0].begin == 0);
  CHECK(runs[0].end == 128);
  CHECK(runs[0].decay);
  CHECK(runs[1].begin == 128);
  CHECK(runs[1].end == table.extent());
  CHECK_FALSE(runs[1].decay);
  CHECK(decay_runs({}).empty());
}
