#include <stint/kernels/adamw/adamw.h>
#include <stint/kernels/reorder/reorder.h>
#include <stint/kernels/sgd/sgd.h>
#include <stint/kernels/vector/vector.h>
#include <stint/runtime/parallel.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "../op_case_tensors.h"

using namespace stint;
using namespace stint::test;

namespace {

/// Two blocks with decay, one without; a ragged count, so that padding is there.
BlockTable make_table() {
  BlockTable table;
  table.add("a", {70}, true);
  table.add("b", {3}, false);
  table.add("c", {65}, true);
  return table;
}

Tensor flat(const BlockTable& table, std::uint64_t number) {
  Reals values(table.extent(), 0.0), random = random_reals(table.extent(), number);
  for (const Block& block : table.blocks()) {
    for (std::int64_t i = block.offset; i < block.offset + block.count; ++i) values[i] = random[i];
  }
  return to_tensor(values, {{table.extent()}});
}

Tensor zeros(const BlockTable& table) {
  return to_tensor(Reals(table.extent(), 0.0), {{table.extent()}});
}

bool decays(const BlockTable& table, std::int64_t i) {
  bool decay = false;
  for (const Block& block : table.blocks()) {
    if (i >= block.offset) decay = block.decay;
  }
  return decay;
}

void require_same(const Tensor& got, const Reals& expected) {
  Reals values = to_reals(got);
  for (std::size_t i = 0; i < values.size(); ++i) {
    INFO("element " << i);
    REQUIRE(values[i] == Approx(expected[i]).epsilon(2e-6).margin(1e-7));
  }
}

void require_padding_zero(const BlockTable& table, const Tensor& x) {
  Reals values = to_reals(x);
  for (const Block& block : table.blocks()) {
    for (const Block& other : table.blocks()) {
      if (other.offset > block.offset) {
        for (std::int64_t i = block.offset + block.count; i < other.offset; ++i) REQUIRE(values[i] == 0);
        break;
      }
    }
  }
}

}  // namespace

TEST_CASE("sgd equals its formula over several steps", "[op]") {
  BlockTable table = make_table();
  for (bool nesterov : {false, true}) {
    Sgd rule{.momentum = 0.9f, .weight_decay = 0.1f, .nesterov = nesterov};
    Tensor x = flat(table, 1), g = flat(table, 2), v = zeros(table);
    Tensor twin(x.shape(), DType::bf16);
    Reals rx = to_reals(x), rg = to_reals(g), rv(rx.size(), 0.0);
    for (int step = 0; step < 3; ++step) {
      rule.update(x, g, v, twin, decay_runs(table), 0.1f);
      for (std::size_t i = 0; i < rx.size(); ++i) {
        double d = rg[i] + (decays(table, static_cast<std::int64_t>(i)) ? double(rule.weight_decay) * rx[i] : 0);
        rv[i] = double(rule.momentum) * rv[i] + d;
        rx[i] -= double(0.1f) * (nesterov ? d + double(rule.momentum) * rv[i] : rv[i]);
      }
      require_same(x, rx);
      require_same(v, rv);
    }
    require_padding_zero(table, x);
    for (std::int64_t i = 0; i < x.count(); ++i) {
      REQUIRE(twin.data<bfloat16>()[i].bits == bfloat16(x.data<float>()[i]).bits);
    }
  }
}

TEST_CASE("sgd without momentum keeps no velocity and refuses wrong sizes", "[op]") {
  BlockTable table = make_table();
  Tensor x = flat(table, 1), g = flat(table, 2);
  Reals expected = to_reals(x), direction = to_reals(g);
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i] -= 0.5 * direction[i];
  Sgd{}.update(x, g, {}, {}, decay_runs(table), 0.5f);
  require_same(x, expected);
  CHECK_THROWS_AS(Sgd{.momentum = 0.9f}.update(x, g, {}, {}, decay_runs(table), 0.5f), Error);
  CHECK_THROWS_AS((Sgd{.momentum = 0, .weight_decay = 0, .nesterov = true}.update(x, g, {}, {}, {}, 0.5f)), Error);
}

TEST_CASE("adamw equals its formula over several steps", "[op]") {
  BlockTable table = make_table();
  AdamW rule{.weight_decay = 0.1f};
  Tensor x = flat(table, 1), g = flat(table, 2), m = zeros(table), v = zeros(table);
  Reals rx = to_reals(x), rg = to_reals(g), rm(rx.size(), 0.0), rv(rx.size(), 0.0);
  double b1 = rule.beta1, b2 = rule.beta2, lr = 0.01f;
  for (int step = 1; step <= 4; ++step) {
    rule.update(x, g, m, v, {}, decay_runs(table), 0.01f, step);
    for (std::size_t i = 0; i < rx.size(); ++i) {
      if (decays(table, static_cast<std::int64_t>(i))) rx[i] *= 1 - lr * double(rule.weight_decay);
      rm[i] = b1 * rm[i] + (1 - b1) * rg[i];
      rv[i] = b2 * rv[i] + (1 - b2) * rg[i] * rg[i];
      rx[i] -= lr / (1 - std::pow(b1, step)) * rm[i] / (std::sqrt(rv[i] / (1 - std::pow(b2, step))) + double(rule.eps));
    }
    require_same(x, rx);
  }
  require_padding_zero(table, x);
  CHECK_THROWS_AS(rule.update(x, g, m, v, {}, decay_runs(table), 0.01f, 0), Error);
}

TEST_CASE("vectors add, scale and clip", "[op]") {
  Tensor x = to_tensor({3, 4}, {{2}}), y = to_tensor({1, 1}, {{2}});
  axpy(2, x, y);
  CHECK(to_reals(y) == Reals{7, 9});
  add_to(x, y, true);
  CHECK(to_reals(y) == Reals{10, 13});
  add_to(x, y, false);
  scale(0.5f, y);
  CHECK(to_reals(y) == Reals{1.5, 2});
  CHECK(squared_norm(x) == 25);
  CHECK(clip_norm(x, 10) == 5);
  CHECK(to_reals(x) == Reals{3, 4});
  CHECK(clip_norm(x, 1) == 5);
  CHECK(to_reals(x)[0] == Approx(0.6));
  CHECK(to_reals(x)[1] == Approx(0.8));
  CHECK_THROWS_AS(axpy(1, x, Tensor({3}, DType::f32)), Error);
}

TEST_CASE("a norm does not depend on the number of threads", "[op]") {
  Tensor x = to_tensor(random_reals(100001, 3), {{100001}});
  int before = thread_count();
  set_thread_count(1);
  double one = squared_norm(x);
  set_thread_count(2);
  CHECK(squared_norm(x) == one);
  set_thread_count(before);
}

TEST_CASE("reorder goes to blocks of 16 channels and back", "[op]") {
  Reals values = random_reals(2 * 3 * 2 * 32, 5);
  Tensor x = to_tensor(values, {{2, 3, 2, 32}});
  Tensor blocked = packed(x, Packing::c16);
  // element (n=1, h=2, w=1, c=17) lies in block 1 of image 1
  CHECK(blocked.data<float>()[((1 * 2 + 1) * 6 + 2 * 2 + 1) * 16 + 1] ==
        x.data<float>()[((1 * 3 + 2) * 2 + 1) * 32 + 17]);
  CHECK(same_bits(plain(blocked), x));
  CHECK_THROWS_AS(packed(Tensor({1, 2, 2, 8}, DType::f32), Packing::c16), Error);
}
