// STL-SGD: its stages, and what its equations imply.

#include <stint/dist/algorithms/stl_stages.h>

#include <catch2/catch.hpp>

#include "identities.h"

using namespace stint;
using namespace stint::test;

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
