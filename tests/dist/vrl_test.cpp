// VRL-SGD: what its equations imply, exactly or to round-off.

#include <catch2/catch.hpp>
#include <cmath>

#include "identities.h"

using namespace stint;
using namespace stint::test;

TEST_CASE("VRL-SGD: corrections sum to zero and are the round's mean gradients less the mean of all", "[dist]") {
  for (Experiment& e : on_problems("vrl:period=5")) {
    INFO("d = " << e.table.dimension());
    e.lr = halving;  // changes inside the second round
    Course course = run(e);
    for (std::int64_t last : {4, 9, 14, 19}) {
      std::vector<Reals> averages, corrections;
      for (const auto& rank : course.steps) {
        Reals sum(e.table.dimension());
        double rates = 0;
        for (std::int64_t t = last - 4; t <= last; ++t) {
          sum = plus(sum, rank[t].gradient, e.lr(t));
          rates += e.lr(t);
        }
        averages.push_back(plus(Reals(sum.size()), sum, 1 / rates));
        corrections.push_back(without_padding(rank[last].state[0], e.table));
      }
      CHECK(distance(mean_of(corrections), Reals(corrections[0].size())) < 1e-5);
      CHECK(distance(corrections.back(), Reals(corrections[1].size())) > 0.05);
      for (int r = 0; r < workers; ++r) {
        CHECK(distance(corrections[r], plus(averages[r], mean_of(averages), -1)) < 1e-3);
      }
    }
  }
}

TEST_CASE("VRL-SGD finds the minimum where Local SGD stalls, with the gradients there as corrections", "[dist]") {
  for (int period : {1, 5, 20}) {
    Experiment e = on_quadratic("vrl:period=" + std::to_string(period));
    e.steps = 1500;
    e.lr = [](std::int64_t) { return 0.05f; };
    Course vrl = run(e);
    e.algorithm = "local:period=" + std::to_string(period);
    Course local = run(e);
    INFO("period " << period);
    Reals best = quadratic().minimiser();
    CHECK(distance(vrl.last[0], best) < 1e-4);
    if (period > 1) CHECK(distance(local.last[0], best) > 0.02);
    for (std::int64_t t : {19, 39, 1499}) {
      std::vector<Reals> corrections;
      for (const auto& rank : vrl.steps) corrections.push_back(rank[t].state[0]);
      CHECK(distance(mean_of(corrections), Reals(corrections[0].size())) < 1e-5);
      CHECK(distance(corrections[0], Reals(corrections[0].size())) > 0.1);
    }
    // Delta_i -> grad f_i(x*)
    Tensor flat({table.extent()}, DType::f32), g({table.extent()}, DType::f32);
    flat.zero();
    g.zero();
    to_flat(best, table, flat);
    quadratic().gradient(table)(2, 0, flat, g);
    Reals correction = vrl.steps[2].back().state[0], expected(g.data<float>(), g.data<float>() + g.count());
    CHECK(distance(correction, expected) < 2e-3);
  }
}

TEST_CASE("VRL-SGD needs a period's fewer rounds for the same distance from the minimum", "[dist]") {
  Reals best = quadratic().minimiser();
  auto rounds_of = [&](int period) {
    Experiment e = on_quadratic("vrl:period=" + std::to_string(period));
    e.steps = 1000;
    Course course = run(e);
    double enough = 1e-4 * distance(e.start, best);
    std::int64_t t = period - 1;
    while (t < e.steps && distance(mean_after(course, t), best) > enough) t += period;
    REQUIRE(t < e.steps);
    return (t + 1) / period;
  };
  auto one = static_cast<double>(rounds_of(1));
  INFO(one << " rounds of one step, " << rounds_of(5) << " of 5, " << rounds_of(20) << " of 20");
  for (int period : {5, 20}) CHECK(static_cast<double>(rounds_of(period)) == Approx(one / period).epsilon(0.1));
}

TEST_CASE("VRL-SGD with period 1 is synchronous SGD; the warm-up round fills the corrections at once", "[dist]") {
  auto syncs = on_problems("sync"), ones = on_problems("vrl:period=1"),
       warms = on_problems("vrl:period=10,warmup=true");
  for (std::size_t i = 0; i < syncs.size(); ++i) {
    INFO("d = " << syncs[i].table.dimension());
    CHECK(largest_gap(run(ones[i]), run(syncs[i])) < 1e-5);
    Course warm = run(warms[i]);
    Reals mean = mean_gradient(warm, 0);
    for (const auto& rank : warm.steps) {
      Reals correction = without_padding(rank[0].state[0], syncs[i].table);
      CHECK(distance(correction, plus(rank[0].gradient, mean, -1)) < 2e-4);
    }
    CHECK(warm.rounds == 2);  // after steps 1 and 11
  }
}

TEST_CASE("VRL-SGD's end of an epoch, as the authors have it, is a switch of its own", "[dist]") {
  Experiment quirk = on_quadratic("vrl:period=5,epoch_end=7");
  Course cut = run(quirk), plain = run(on_quadratic("vrl:period=5"));
  CHECK(cut.steps[0][6].after == cut.steps[1][6].after);
  CHECK(plain.steps[0][6].after != plain.steps[1][6].after);
  CHECK(cut.steps[0][6].state == plain.steps[0][6].state);  // no new correction at the epoch's end
  CHECK(largest_gap(cut, plain) > 1e-5);
  CHECK(cut.rounds == 4 + 2);
}

TEST_CASE("Local SGD's fixed point on two workers is the paper's, and VRL-SGD goes to the minimum", "[dist]") {
  BlockTable one;
  one.add("x", {1}, true);
  struct Toy {
    double rate;
    int period;
    double b, expected;
  };
  for (Toy toy : {Toy{0.01, 2, 1, -0.006780}, Toy{0.01, 10, 1, -0.059231}, Toy{0.05, 5, 10, -1.356036}}) {
    Experiment e;
    e.size = 2;
    e.table = one;
    e.steps = 4000;
    e.lr = [=](std::int64_t) { return static_cast<float>(toy.rate); };
    e.gradient = [=](int rank, std::int64_t, const Tensor& x, const Tensor& g) {
      float at = x.data<float>()[0];
      g.data<float>()[0] = static_cast<float>(rank == 0 ? 2 * (at + 2 * toy.b) : 4 * (at - toy.b));
    };
    e.algorithm = "local:period=" + std::to_string(toy.period);
    CHECK(run(e).last[0][0] == Approx(toy.expected).epsilon(1e-3));
    e.algorithm = "vrl:period=" + std::to_string(toy.period);
    CHECK(std::abs(run(e).last[0][0]) < 1e-4 * toy.b);
  }
}
