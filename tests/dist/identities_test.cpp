// What the papers' equations imply, exactly or to round-off, on heterogeneous quadratics with deterministic gradients.

#include <stint/dist/algorithms/stl_stages.h>
#include <stint/dist/buckets.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "experiment.h"

using namespace stint;
using namespace stint::test;

namespace {

const BlockTable table = ragged_table();
constexpr int workers = 4;

const Quadratic& problem() {
  static const Quadratic quadratic(table.dimension(), workers, 100);
  return quadratic;
}

Experiment on_quadratic(const std::string& algorithm, const std::string& compressor = "") {
  Experiment e;
  e.algorithm = algorithm;
  e.compressor = compressor;
  e.size = workers;
  e.table = table;
  e.gradient = problem().gradient(table);
  e.start = Reals(table.dimension(), 0.5);
  return e;
}

float halving(std::int64_t t) {
  return t < 7 ? 0.05f : t < 12 ? 0.02f : 0.005f;
}

/// A bucketed vector of the whole as one of R^d.
Reals unbucketed(const Reals& bucketed, std::int64_t block_bytes) {
  dist::Buckets buckets(table, block_bytes);
  Tensor from({buckets.extent()}, DType::f32), flat({table.extent()}, DType::f32);
  flat.zero();
  for (std::size_t i = 0; i < bucketed.size(); ++i) from.data<float>()[i] = static_cast<float>(bucketed[i]);
  buckets.scatter(from, flat);
  return from_flat(flat, table);
}

Reals mean_after(const Course& course, std::int64_t t) {
  std::vector<Reals> all;
  for (const auto& rank : course.steps) all.push_back(rank[t].after);
  return mean_of(all);
}

Reals mean_gradient(const Course& course, std::int64_t t) {
  std::vector<Reals> all;
  for (const auto& rank : course.steps) all.push_back(rank[t].gradient);
  return mean_of(all);
}

double largest_gap(const Course& a, const Course& b) {
  double gap = 0;
  for (std::size_t r = 0; r < a.last.size(); ++r) gap = std::max(gap, distance(a.last[r], b.last[r]));
  return gap;
}

}  // namespace

TEST_CASE("LIEC-SGD with period 1 or the identity is synchronous SGD, to round-off", "[dist]") {
  Course sync = run(on_quadratic("sync"));
  CHECK(distance(sync.last[0], on_quadratic("sync").start) > 0.5);
  CHECK(largest_gap(run(on_quadratic("liec:period=1")), sync) < 1e-5);
  CHECK(largest_gap(run(on_quadratic("liec:period=8", "identity")), sync) < 1e-5);
  CHECK(largest_gap(run(on_quadratic("liec:period=8", "sign")), sync) > 1e-3);
  for (const char* other : {"mem", "doublesqueeze", "neolithic", "cser"}) {
    INFO(other);
    CHECK(largest_gap(run(on_quadratic(other, "identity")), sync) < 1e-5);
  }
}

TEST_CASE("LIEC-SGD's z = xbar - lr e follows the mean gradient exactly, also where the rate changes", "[dist]") {
  for (const char* compressor : {"sign", "topk:0.1"}) {
    for (int block : {0, 400}) {
      INFO(compressor << " in blocks of " << block);
      Experiment e =
          on_quadratic("liec:period=6,server=root" + (block ? ",block=" + std::to_string(block) : ""), compressor);
      e.lr = halving;
      Course course = run(e);
      Reals z = e.start;
      double moved = 0, wrong = 0, error = 0;
      for (std::int64_t t = 0; t < e.steps; ++t) {
        Reals expected = plus(z, mean_gradient(course, t), -e.lr(t));
        Reals e_t = unbucketed(course.steps[0][t].state[0], block);
        z = plus(mean_after(course, t), e_t, -e.lr(t));
        wrong = std::max(wrong, distance(z, expected));
        error = std::max(error, distance(e_t, Reals(e_t.size())));
        moved = std::max(moved, distance(course.steps[0][t].after, course.steps[1][t].after));
      }
      CHECK(wrong < 2e-6);
      CHECK(error > 0.1);
      CHECK(moved > 0.01);  // the workers do part between averagings
    }
  }
}

TEST_CASE("after an averaging step of LIEC-SGD the workers are equal and nothing is owed", "[dist]") {
  Experiment e = on_quadratic("liec:period=5,server=root", "sign");
  e.momentum = 0.9f;
  e.decay = 0.01f;
  Course course = run(e);
  for (std::int64_t t : {4, 9, 14, 19}) {
    for (int r = 1; r < workers; ++r) CHECK(course.steps[r][t].after == course.steps[0][t].after);
    CHECK(course.steps[0][t].state[0] == Reals(course.steps[0][t].state[0].size()));
  }
  CHECK(course.steps[1][5].after != course.steps[0][5].after);
  CHECK(course.agree);
}

TEST_CASE("a sharded server has the bits of the root's", "[dist]") {
  BlockTable wide;
  for (std::int64_t count : {7000, 40000, 64, 33, 90000}) wide.add(std::to_string(count), {count}, true);
  for (int size : {1, 3, 8}) {
    Quadratic quadratic(wide.dimension(), size, 7);
    for (const char* name : {"liec:period=4", "doublesqueeze:block=150KiB", "neolithic", "mem", "cser:period=3"}) {
      for (const char* compressor : {"sign", "bf16"}) {
        INFO(size << " workers, " << name << ", " << compressor);
        Experiment e;
        e.algorithm = name;
        e.compressor = compressor;
        e.size = size;
        e.steps = 4;
        e.table = wide;
        e.gradient = quadratic.gradient(wide);
        std::string glue = e.algorithm.find(':') == std::string::npos ? ":" : ",";
        e.algorithm += glue + "server=root";
        Course root = run(e);
        e.algorithm = name + glue + "server=sharded";
        Course sharded = run(e);
        CHECK(root.last == sharded.last);
      }
    }
  }
}

TEST_CASE("error feedback: what is owed and the model together follow the mean gradient", "[dist]") {
  Experiment e = on_quadratic("mem:server=root", "topk:0.05");
  e.lr = halving;
  Course mem = run(e);
  e.algorithm = "doublesqueeze:server=root";
  e.compressor = "sign";
  Course twice = run(e);
  e.algorithm = "neolithic:rounds=3,server=root";
  Course thrice = run(e);
  for (const Course* course : {&mem, &twice, &thrice}) {
    Reals z = e.start;
    double wrong = 0;
    for (std::int64_t t = 0; t < e.steps; ++t) {
      Reals expected = plus(z, mean_gradient(*course, t), -e.lr(t));
      std::vector<Reals> owed;
      for (const auto& rank : course->steps) owed.push_back(unbucketed(rank[t].state[0], 0));
      z = plus(mean_after(*course, t), mean_of(owed), -e.lr(t));
      if (course->steps[0][t].state.size() > 1) z = plus(z, unbucketed(course->steps[0][t].state[1], 0), -e.lr(t));
      wrong = std::max(wrong, distance(z, expected));
    }
    CHECK(wrong < 5e-6);
    for (int r = 1; r < workers; ++r) CHECK(course->last[r] == course->last[0]);
  }
}

TEST_CASE("CSER: the mean follows the mean compressed gradient, the workers differ by what they applied alone",
          "[dist]") {
  Experiment e = on_quadratic("cser:period=4,server=root", "topk:0.1");
  e.lr = halving;
  Course course = run(e);
  double wrong = 0, apart = 0;
  for (std::int64_t t = 0; t < e.steps; ++t) {
    for (int r = 1; r < workers; ++r) {
      Reals gap = plus(course.steps[r][t].after, course.steps[0][t].after, -1);
      Reals alone = plus(unbucketed(course.steps[r][t].state[0], 0), unbucketed(course.steps[0][t].state[0], 0), -1);
      wrong = std::max(wrong, distance(gap, plus(Reals(gap.size()), alone, e.lr(t))));
      apart = std::max(apart, distance(gap, Reals(gap.size())));
    }
  }
  CHECK(wrong < 5e-6);
  CHECK(apart > 0.01);
}

TEST_CASE("VRL-SGD: corrections sum to zero, and it finds the minimum where Local SGD stalls", "[dist]") {
  for (int period : {1, 5, 20}) {
    Experiment e = on_quadratic("vrl:period=" + std::to_string(period));
    e.steps = 1500;
    e.lr = [](std::int64_t) { return 0.05f; };
    Course vrl = run(e);
    e.algorithm = "local:period=" + std::to_string(period);
    Course local = run(e);
    INFO("period " << period);
    Reals best = problem().minimiser();
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
    problem().gradient(table)(2, 0, flat, g);
    Reals correction = vrl.steps[2].back().state[0], expected(g.data<float>(), g.data<float>() + g.count());
    CHECK(distance(correction, expected) < 2e-3);
  }
}

TEST_CASE("VRL-SGD with period 1 is synchronous SGD; the warm-up round fills the corrections at once", "[dist]") {
  CHECK(largest_gap(run(on_quadratic("vrl:period=1")), run(on_quadratic("sync"))) < 1e-5);
  Course warm = run(on_quadratic("vrl:period=10,warmup=true"));
  std::vector<Reals> gradients;
  for (const auto& rank : warm.steps) gradients.push_back(rank[0].gradient);
  for (int r = 0; r < workers; ++r) {
    Tensor flat({table.extent()}, DType::f32);
    for (std::int64_t i = 0; i < flat.count(); ++i)
      flat.data<float>()[i] = static_cast<float>(warm.steps[r][0].state[0][i]);
    CHECK(distance(from_flat(flat, table), plus(gradients[r], mean_of(gradients), -1)) < 2e-4);
  }
  CHECK(warm.rounds == 2);  // after steps 1 and 11
}

TEST_CASE("VRL-SGD divides by the rates that were applied; the authors' epoch end is a switch of its own", "[dist]") {
  Experiment e = on_quadratic("vrl:period=5");
  e.lr = halving;  // changes inside the second round
  Course course = run(e);
  // after a round: Delta_i = mean over its steps, weighted by their rates, of g_i less the mean of the same over
  // workers
  std::vector<Reals> averages;
  for (const auto& rank : course.steps) {
    Reals sum(table.dimension());
    double rates = 0;
    for (std::int64_t t = 5; t < 10; ++t) {
      sum = plus(sum, rank[t].gradient, e.lr(t));
      rates += e.lr(t);
    }
    averages.push_back(plus(Reals(sum.size()), sum, 1 / rates));
  }
  Tensor flat({table.extent()}, DType::f32);
  for (std::int64_t i = 0; i < flat.count(); ++i)
    flat.data<float>()[i] = static_cast<float>(course.steps[1][9].state[0][i]);
  CHECK(distance(from_flat(flat, table), plus(averages[1], mean_of(averages), -1)) < 1e-3);

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

TEST_CASE("CoCoD-SGD's weighted mean loses exactly what the workers' gradients take", "[dist]") {
  for (bool weighted : {false, true}) {
    Experiment e = on_quadratic("cocod:period=4");
    e.lr = halving;
    if (weighted) e.weights = {0.4f, 0.3f, 0.2f, 0.1f};
    Course course = run(e);
    auto weighted_mean = [&](const auto& member, std::int64_t t) {
      Reals sum(table.dimension());
      for (int r = 0; r < workers; ++r) sum = plus(sum, course.steps[r][t].*member, weighted ? e.weights[r] : 0.25);
      return sum;
    };
    for (std::int64_t round = 0; round < 5; ++round) {
      Reals expected = weighted_mean(&Course::Moment::before, 4 * round);
      for (std::int64_t t = 4 * round; t < 4 * round + 4; ++t) {
        expected = plus(expected, weighted_mean(&Course::Moment::gradient, t), -e.lr(t));
      }
      CHECK(distance(weighted_mean(&Course::Moment::after, 4 * round + 3), expected) < 3e-6);
    }
    CHECK(distance(course.last[0], course.last[1]) > 1e-3);
    CHECK(distance(course.consensus, weighted_mean(&Course::Moment::after, 19)) < 3e-6);
  }
}

TEST_CASE("equal workers run plain gradient descent under every uncompressed averaging", "[dist]") {
  auto same = [](int, std::int64_t t, const Tensor& x, const Tensor& g) { problem().gradient(table)(0, t, x, g); };
  Experiment e = on_quadratic("sync");
  e.gradient = same;
  Course sync = run(e);
  for (const char* name : {"local:period=4", "cocod:period=4", "vrl:period=4", "stl:period=4,stage=100"}) {
    INFO(name);
    e.algorithm = name;
    Course course = run(e);
    CHECK(largest_gap(course, sync) < 1e-5);
    for (int r = 1; r < workers; ++r) CHECK(distance(course.last[r], course.last[0]) == 0);
  }
}

TEST_CASE("Pipe-SGD applies the gradient of the step before", "[dist]") {
  Experiment e = on_quadratic("pipe");
  e.finish = true;
  Course course = run(e);
  CHECK(course.steps[0][0].after == e.start);
  double wrong = 0;
  for (std::int64_t t = 1; t + 1 < e.steps; ++t) {
    Reals expected = plus(course.steps[0][t].before, mean_gradient(course, t - 1), -e.lr(t));
    wrong = std::max(wrong, distance(course.steps[0][t].after, expected));
  }
  CHECK(wrong < 1e-6);
  Reals last = plus(course.steps[0][e.steps - 1].before, mean_gradient(course, e.steps - 2), -e.lr(0));
  CHECK(distance(course.last[0], plus(last, mean_gradient(course, e.steps - 1), -e.lr(0))) < 1e-6);
}

TEST_CASE("large batches: k gradients at one model are one update with their mean", "[dist]") {
  Course lb = run(on_quadratic("lb:period=5"));
  CHECK(lb.steps[0][3].after == lb.steps[0][0].before);
  CHECK(distance(lb.steps[0][4].after, plus(lb.steps[0][4].before, mean_gradient(lb, 4), -0.02)) < 1e-6);
  CHECK(lb.rounds == 4);
  CHECK(largest_gap(run(on_quadratic("lb:period=1")), run(on_quadratic("sync"))) < 1e-6);
  CHECK(largest_gap(run(on_quadratic("crpsgd:growth=1")), run(on_quadratic("sync"))) < 1e-6);
  CHECK(run(on_quadratic("crpsgd:growth=2")).rounds == 4);  // 1 + 2 + 4 + 8 <= 20
}

TEST_CASE("EASGD: the pull between models and centre keeps their sum, and the centre is what counts", "[dist]") {
  Experiment e = on_quadratic("easgd:period=3,beta=0.9");
  Course course = run(e);
  for (std::int64_t t : {2, 5}) {
    Reals before = e.start, after(table.dimension());
    Tensor centre({table.extent()}, DType::f32);
    auto centre_at = [&](std::int64_t s) {
      for (std::int64_t i = 0; i < centre.count(); ++i)
        centre.data<float>()[i] = static_cast<float>(course.steps[0][s].state[0][i]);
      return from_flat(centre, table);
    };
    before = centre_at(t - 1);
    after = centre_at(t);
    for (int r = 0; r < workers; ++r) {
      before = plus(before, plus(course.steps[r][t].before, course.steps[r][t].gradient, -0.02));
      after = plus(after, course.steps[r][t].after);
    }
    CHECK(distance(before, after) < 5e-6);
    if (t == 5) CHECK(distance(centre_at(t), e.start) > 0.01);
  }
  CHECK(course.last[0] != course.last[1]);
  CHECK(course.consensus != course.last[0]);
}

TEST_CASE("STL-SGD's stages and rounds are the paper's", "[dist]") {
  using dist::StlOptions;
  auto count = [](StlOptions::Growth growth, bool iid, std::int64_t total) {
    StlOptions options{growth, iid, 10, 1000, 0};
    std::int64_t rounds = 0, steps = 0;
    for (const auto& stage : dist::stl_stages(options, total)) {
      rounds += stage.rounds();
      steps += stage.steps;
    }
    CHECK(steps == total);
    return rounds;
  };
  using Growth = StlOptions::Growth;
  CHECK(count(Growth::doubling, true, 15000) == 400);
  CHECK(count(Growth::doubling, true, 255000) == 800);
  CHECK(count(Growth::doubling, false, 15000) == 729);
  CHECK(count(Growth::doubling, false, 255000) == 3634);
  CHECK(count(Growth::linear, true, 10000) == 400);
  CHECK(count(Growth::linear, true, 136000) == 1600);
  CHECK(count(Growth::linear, false, 10000) == 620);
  CHECK(count(Growth::linear, false, 136000) == 4500);
}

TEST_CASE("STL-SGD: a long first stage is Local SGD to the bit; stages end equal and halve the rate", "[dist]") {
  CHECK(run(on_quadratic("stl:period=4,stage=1000")).last == run(on_quadratic("local:period=4")).last);
  CHECK(run(on_quadratic("stl:variant=nc1,period=4,stage=1000,proximal=0")).last ==
        run(on_quadratic("local:period=4")).last);
  Experiment e = on_quadratic("stl:period=4,stage=6");  // stages of 6, 12, ...
  Course course = run(e);
  CHECK(course.steps[0][5].after == course.steps[1][5].after);
  CHECK(course.rounds == 2 + 2);  // 4 and 6; 8 and 12 of the second
  Reals half = plus(course.steps[1][6].before, course.steps[1][6].gradient, -0.01);
  CHECK(distance(course.steps[1][6].after, half) < 1e-6);
  // the proximal term pulls towards the start of the stage
  Experiment pulled = on_quadratic("stl:variant=nc2,period=4,stage=6,proximal=2");
  Course with = run(pulled);
  Reals pull = plus(with.steps[1][1].gradient, plus(with.steps[1][1].before, pulled.start, -1), 2);
  CHECK(distance(with.steps[1][1].after, plus(with.steps[1][1].before, pull, -0.02)) < 1e-6);
}

TEST_CASE("momentum and decay: where models are equal the optimiser is too, and partial rounds are closed", "[dist]") {
  for (const char* name : {"local:period=7", "vrl:period=7", "stl:period=7,stage=1000", "liec:period=7"}) {
    INFO(name);
    Experiment e = on_quadratic(name);
    e.momentum = 0.9f;
    e.decay = 0.01f;
    e.finish = true;  // 20 = 7 + 7 + 6
    Course course = run(e);
    for (int r = 1; r < workers; ++r) CHECK(course.last[r] == course.last[0]);
    CHECK(course.agree);
    for (int r = 1; r < workers; ++r) CHECK(course.steps[r][17].after != course.steps[0][17].after);
  }
}
