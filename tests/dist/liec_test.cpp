// LIEC-SGD: what its equations imply, exactly or to round-off.

#include <catch2/catch.hpp>

#include "identities.h"

using namespace stint;
using namespace stint::test;

TEST_CASE("LIEC-SGD with period 1 or the identity is synchronous SGD, to round-off", "[dist]") {
  auto syncs = on_problems("sync");
  for (std::size_t i = 0; i < syncs.size(); ++i) {
    INFO("d = " << syncs[i].table.dimension());
    Course sync = run(syncs[i]);
    CHECK(distance(sync.last[0], syncs[i].start) > 0.05);
    auto gap = [&](const char* algorithm, const char* compressor) {
      return largest_gap(run(on_problems(algorithm, compressor)[i]), sync);
    };
    CHECK(gap("liec:period=1", "") < 1e-5);
    CHECK(gap("liec:period=8", "sign") > 1e-3);
    for (const char* other : {"liec:period=8", "mem", "doublesqueeze", "neolithic", "cser"}) {
      INFO(other);
      Course course = run(on_problems(other, "identity")[i]);
      CHECK(largest_gap(course, sync) < 1e-5);
      for (const Reals& owed : course.steps[0].back().state) CHECK(owed == Reals(owed.size()));
    }
  }
}

TEST_CASE("LIEC-SGD's z = xbar - lr e follows the mean gradient exactly, also where the rate changes", "[dist]") {
  for (const char* compressor : {"sign", "topk:0.1"}) {
    for (int block : {0, 400}) {
      std::string cut = block ? ",block=" + std::to_string(block) : "";
      for (Experiment& e : on_problems("liec:period=6,server=root" + cut, compressor)) {
        INFO(compressor << " in blocks of " << block << ", d = " << e.table.dimension());
        e.lr = halving;
        Course course = run(e);
        Reals z = e.start;
        double moved = 0, wrong = 0, error = 0;
        for (std::int64_t t = 0; t < e.steps; ++t) {
          Reals expected = plus(z, mean_gradient(course, t), -e.lr(t));
          Reals e_t = unbucketed(course.steps[0][t].state[0], e.table, block);
          z = plus(mean_after(course, t), e_t, -e.lr(t));
          wrong = std::max(wrong, distance(z, expected));
          error = std::max(error, distance(e_t, Reals(e_t.size())));
          moved = std::max(moved, distance(course.steps[0][t].after, course.steps.back()[t].after));
        }
        CHECK(wrong < 2e-6);
        CHECK(error > 1e-3);
        CHECK(moved > 0.01);  // the workers do part between averagings
      }
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

TEST_CASE("one worker of LIEC-SGD goes by its gradient and what the server owes, which is nothing", "[dist]") {
  for (Experiment& e : on_problems("liec:period=6,server=root", "sign")) {
    INFO("d = " << e.table.dimension());
    e.size = 1;
    e.lr = halving;
    Course course = run(e);
    double wrong = 0;
    for (std::int64_t t = 0; t < e.steps; ++t) {
      const auto& moment = course.steps[0][t];
      // u = g + e_t - e_{t+1}, and the signs that the server gets are their own signs
      for (const Reals& owed : moment.state) CHECK(distance(owed, Reals(owed.size())) < 1e-6);
      wrong = std::max(wrong, distance(moment.after, plus(moment.before, moment.gradient, -e.lr(t))));
    }
    CHECK(wrong < 2e-6);
    CHECK(distance(course.last[0], e.start) > 0.05);
  }
}

TEST_CASE("LIEC-SGD's workers part by what their signs have left out since the averaging, at most linearly", "[dist]") {
  for (Experiment& e : on_problems("liec:period=6", "sign")) {
    INFO("d = " << e.table.dimension());
    e.lr = halving;
    Course course = run(e);
    std::vector<Reals> apart(workers, Reals(e.table.dimension()));  // -sum of lr (r_i - rbar)
    double wrong = 0, step = 0, most = 0;                           // the longest step apart, the farthest apart
    for (std::int64_t t = 0; t < e.steps; ++t) {
      std::vector<Reals> left;
      for (const auto& rank : course.steps) left.push_back(plus(rank[t].gradient, signs(rank[t].gradient), -1));
      std::int64_t since = (t + 1) % 6;
      for (int r = 0; r < workers; ++r) {
        Reals own = plus(left[r], mean_of(left), -1);
        apart[r] = since == 0 ? Reals(own.size()) : plus(apart[r], own, -e.lr(t));
        Reals seen = plus(course.steps[r][t].after, mean_after(course, t), -1);
        wrong = std::max(wrong, distance(seen, apart[r]));
        step = std::max(step, e.lr(t) * distance(own, Reals(own.size())));
        double far = distance(seen, Reals(seen.size()));
        most = std::max(most, far);
        CHECK(far <= static_cast<double>(since) * step + 2e-6);
      }
    }
    CHECK(wrong < 2e-6);
    CHECK(most > 2 * step);  // they do go on in one direction
  }
}

TEST_CASE("LIEC-SGD stalls the farther off the longer its rounds and the larger its rate", "[dist]") {
  constexpr int dimension = 20;
  BlockTable one;
  one.add("x", {dimension}, true);
  Quadratic quadratic(dimension, workers, 300);
  Reals best = quadratic.minimiser();
  for (const char* compressor : {"sign", "topk:0.1"}) {
    auto off = [&](const std::string& algorithm, float rate, std::int64_t steps) {
      Experiment e = on_quadratic(algorithm + "server=root", compressor);
      e.table = one;
      e.gradient = quadratic.gradient(one);
      e.start = plus(best, Reals(dimension, 1));
      e.lr = [=](std::int64_t) { return rate; };
      e.steps = steps;
      return distance(run(e).consensus, best);
    };
    double never = off("liec:period=1000000,", 0.08f, 320), long_rounds = off("liec:period=64,", 0.08f, 320),
           rounds = off("liec:period=16,", 0.08f, 320), short_rounds = off("liec:period=4,", 0.08f, 320),
           slow = off("liec:period=16,", 0.02f, 960);
    INFO(compressor << ": never averaged " << never << ", every 64 steps " << long_rounds << ", 16 " << rounds << ", 4 "
                    << short_rounds << ", 16 at a quarter of the rate " << slow);
    CHECK(never > long_rounds);
    CHECK(long_rounds > 1.3 * rounds);
    CHECK(rounds > 1.5 * short_rounds);
    CHECK(rounds > 2 * slow);
  }
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
