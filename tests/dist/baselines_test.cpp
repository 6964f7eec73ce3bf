// What the four are compared with: what their equations imply, exactly or to round-off.

#include <catch2/catch.hpp>
#include <cmath>

#include "identities.h"

using namespace stint;
using namespace stint::test;

TEST_CASE("error feedback: what is owed and the model together follow the mean gradient", "[dist]") {
  struct Case {
    const char *algorithm, *compressor;
  };
  for (Case c : {Case{"mem:server=root", "topk:0.05"},
                 {"doublesqueeze:server=root", "sign"},
                 {"neolithic:rounds=3,server=root", "sign"}}) {
    for (Experiment& e : on_problems(c.algorithm, c.compressor)) {
      INFO(c.algorithm << ", d = " << e.table.dimension());
      e.lr = halving;
      Course course = run(e);
      Reals z = e.start;
      double wrong = 0, most = 0;
      for (std::int64_t t = 0; t < e.steps; ++t) {
        Reals expected = plus(z, mean_gradient(course, t), -e.lr(t));
        std::vector<Reals> owed;
        for (const auto& rank : course.steps) owed.push_back(unbucketed(rank[t].state[0], e.table, 0));
        z = plus(mean_after(course, t), mean_of(owed), -e.lr(t));
        const auto& state = course.steps[0][t].state;
        if (state.size() > 1) z = plus(z, unbucketed(state[1], e.table, 0), -e.lr(t));
        wrong = std::max(wrong, distance(z, expected));
        most = std::max(most, distance(owed[0], Reals(owed[0].size())));
      }
      CHECK(wrong < 5e-6);
      CHECK(most > 0.02);
      for (int r = 1; r < workers; ++r) CHECK(course.last[r] == course.last[0]);
    }
  }
}

TEST_CASE("CSER: the mean follows the mean gradient, the workers differ by what they applied alone", "[dist]") {
  for (Experiment& e : on_problems("cser:period=4,server=root", "topk:0.1")) {
    e.lr = halving;
    Course course = run(e);
    double wrong = 0, apart = 0;
    Reals mean = e.start;
    for (std::int64_t t = 0; t < e.steps; ++t) {
      Reals expected = plus(mean, mean_gradient(course, t), -e.lr(t));
      mean = mean_after(course, t);
      wrong = std::max(wrong, distance(mean, expected));
      for (int r = 1; r < workers; ++r) {
        Reals gap = plus(course.steps[r][t].after, course.steps[0][t].after, -1);
        Reals alone = plus(unbucketed(course.steps[r][t].state[0], e.table, 0),
                           unbucketed(course.steps[0][t].state[0], e.table, 0), -1);
        wrong = std::max(wrong, distance(gap, plus(Reals(gap.size()), alone, e.lr(t))));
        apart = std::max(apart, distance(gap, Reals(gap.size())));
      }
    }
    CHECK(wrong < 5e-6);
    CHECK(apart > 0.01);
  }
}

TEST_CASE("Pipe-SGD applies the gradient of the step before, at the rate of the step that applies it", "[dist]") {
  Experiment e = on_quadratic("pipe");
  e.lr = halving;
  e.finish = true;
  Course course = run(e);
  CHECK(course.steps[0][0].after == e.start);
  double wrong = 0;
  for (std::int64_t t = 1; t + 1 < e.steps; ++t) {
    Reals expected = plus(course.steps[0][t].before, mean_gradient(course, t - 1), -e.lr(t));
    wrong = std::max(wrong, distance(course.steps[0][t].after, expected));
  }
  CHECK(wrong < 1e-6);
  std::int64_t end = e.steps - 1;
  Reals last = plus(course.steps[0][end].before, mean_gradient(course, end - 1), -e.lr(end));
  CHECK(distance(course.last[0], plus(last, mean_gradient(course, end), -e.lr(end))) < 1e-6);
}

TEST_CASE("large batches: k gradients at one model are one update with their mean, at the last one's rate", "[dist]") {
  struct Case {
    const char* algorithm;
    std::vector<std::int64_t> updates;  // behind these steps
  };
  // rates change behind steps 7 and 12, inside of an update
  for (const Case& c : {Case{"lb:period=5", {5, 10, 15, 20}}, {"crpsgd:growth=2", {1, 3, 7, 15}}}) {
    INFO(c.algorithm);
    Experiment e = on_quadratic(c.algorithm);
    e.lr = halving;
    Course course = run(e);
    Reals x = e.start;
    std::int64_t begin = 0;
    for (std::int64_t end : c.updates) {
      std::vector<Reals> gradients;
      for (std::int64_t t = begin; t < end; ++t) {
        CHECK(course.steps[0][t].before == x);
        gradients.push_back(mean_gradient(course, t));
      }
      CHECK(distance(course.steps[0][end - 1].after, plus(x, mean_of(gradients), -e.lr(end - 1))) < 1e-6);
      x = course.steps[0][end - 1].after;
      begin = end;
    }
    CHECK(course.rounds == 4);
    CHECK(course.last[0] == x);
    e.finish = true;  // crpsgd has five gradients of sixteen
    CHECK(run(e).rounds == (begin == e.steps ? 4 : 5));
  }
  CHECK(largest_gap(run(on_quadratic("lb:period=1")), run(on_quadratic("sync"))) < 1e-6);
  CHECK(largest_gap(run(on_quadratic("crpsgd:growth=1")), run(on_quadratic("sync"))) < 1e-6);
}

TEST_CASE("EASGD: the pull between models and centre keeps their sum, and the centre is what counts", "[dist]") {
  Experiment e = on_quadratic("easgd:period=3,beta=0.9");
  Course course = run(e);
  for (std::int64_t t : {2, 5}) {
    Reals before = e.start, after(table.dimension());
    auto centre_at = [&](std::int64_t s) { return without_padding(course.steps[0][s].state[0], table); };
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

TEST_CASE("the compression error is that of what was compressed, over all rounds of it", "[dist]") {
  Course liec = run(on_quadratic("liec:period=6", "sign"));  // whose last step compresses the gradient itself
  double sum = 0, squares = 0;
  for (double g : liec.steps[0].back().gradient) {
    sum += std::abs(g);
    squares += g * g;
  }
  double delta = sum * sum / (static_cast<double>(table.dimension()) * squares);
  CHECK(liec.compression_error == Approx(std::sqrt(1 - delta)).epsilon(1e-4));
  double once = run(on_quadratic("doublesqueeze", "sign")).compression_error;
  double thrice = run(on_quadratic("neolithic:rounds=3", "sign")).compression_error;
  CHECK(once > 0.2);
  CHECK(once < 1);
  CHECK(thrice < 0.9 * once);
  CHECK(run(on_quadratic("mem", "identity")).compression_error == 0);
  CHECK(run(on_quadratic("vrl:period=5")).compression_error == 0);
}
