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
      CHECK(gap(other, "identity") < 1e-5);
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
