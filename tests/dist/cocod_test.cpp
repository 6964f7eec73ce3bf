// CoCoD-SGD: what its equations imply, exactly or to round-off.

#include <catch2/catch.hpp>

#include "identities.h"

using namespace stint;
using namespace stint::test;

TEST_CASE("CoCoD-SGD's weighted mean loses exactly what the workers' gradients take", "[dist]") {
  for (bool weighted : {false, true}) {
    for (Experiment& e : on_problems("cocod:period=4")) {
      e.lr = halving;
      if (weighted) e.weights = {0.4f, 0.3f, 0.2f, 0.1f};
      Course course = run(e);
      auto weighted_mean = [&](const auto& member, std::int64_t t) {
        Reals sum(e.table.dimension());
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
      CHECK(distance(course.last[0], course.last.back()) > 1e-3);
      CHECK(distance(course.consensus, weighted_mean(&Course::Moment::after, 19)) < 3e-6);
    }
  }
}

TEST_CASE("CoCoD-SGD's workers stay within two rounds of drift, and end equal with their optimisers", "[dist]") {
  Experiment e = on_quadratic("cocod:period=4");
  e.steps = 200;
  Course course = run(e);
  double late = 0, most = 0;
  for (std::int64_t t = 0; t < e.steps; ++t) {
    double apart = distance(course.steps[0][t].after, mean_after(course, t));
    most = std::max(most, apart);
    if (t >= 100) late = std::max(late, apart);
  }
  double drift = 0;  // of one round: its rates times the largest difference of a gradient from the mean
  for (std::int64_t t = 0; t < e.steps; ++t) {
    drift = std::max(drift, 4 * 0.02 * distance(course.steps[0][t].gradient, mean_gradient(course, t)));
  }
  CHECK(most < 2 * drift);
  CHECK(late > 1e-3);
  e.momentum = 0.9f;
  e.finish = true;
  Course ended = run(e);
  for (int r = 1; r < workers; ++r) {
    CHECK(ended.last[r] == ended.last[0]);
    CHECK(ended.traffic[r].sent_by(dist::Payload::state) > 0);
  }
}
