#include <stint/kernels/adamw/adamw.h>

#include <cmath>

#include "update_reference.h"

using namespace stint;
using namespace stint::test;

TEST_CASE("adamw equals its formula over several steps, padding stays zero, the bf16 twin follows", "[op]") {
  Device device = GENERATE(from_range(devices()));
  BlockTable table = make_table();
  AdamW rule{.weight_decay = 0.1f};
  Tensor x = make_flat(table, 1, device), m = make_zeros(table, device), v = make_zeros(table, device);
  Tensor twin(x.shape(), DType::bf16, device);
  Reals rx = to_reals(x), rm(rx.size(), 0.0), rv(rx.size(), 0.0), decay = decay_of(table, rule.weight_decay);
  double b1 = rule.beta1, b2 = rule.beta2, lr = 0.01f;
  for (int step = 1; step <= 4; ++step) {
    Tensor g = make_flat(table, 1 + step, device);
    rule.update(x, g, m, v, twin, decay_runs(table), 0.01f, step);
    Reals gradient = to_reals(g);
    for (std::size_t i = 0; i < rx.size(); ++i) {
      rx[i] *= 1 - lr * decay[i];
      rm[i] = b1 * rm[i] + (1 - b1) * gradient[i];
      rv[i] = b2 * rv[i] + (1 - b2) * gradient[i] * gradient[i];
      rx[i] -= lr / (1 - std::pow(b1, step)) * rm[i] / (std::sqrt(rv[i] / (1 - std::pow(b2, step))) + double(rule.eps));
    }
    require_same(x, rx);
    require_same(m, rm);
    require_twin(twin, x);
  }
}

TEST_CASE("adamw refuses vectors that do not fit, and steps before the first", "[op]") {
  BlockTable table = make_table();
  Tensor x = make_flat(table, 1), g = make_flat(table, 2), m = make_zeros(table), one({1}, DType::f32);
  CHECK_THROWS_AS(AdamW{}.update(x, g, m, m, {}, decay_runs(table), 0.01f, 0), Error);
  CHECK_THROWS_AS(AdamW{}.update(x, one, m, m, {}, decay_runs(table), 0.01f, 1), Error);
  CHECK_THROWS_AS(AdamW{}.update(x, g, m, one, {}, decay_runs(table), 0.01f, 1), Error);
}
