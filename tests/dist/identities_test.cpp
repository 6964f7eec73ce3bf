// What the files of one paper each share, and what holds for several algorithms.

#include <stint/dist/buckets.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "../op_case_tensors.h"
#include "identities.h"
#include "logistic.h"

namespace stint::test {

namespace {

/// Null where a9a.t is not.
const Logistic* logistic() {
  static const auto samples = Logistic::read();
  static const Logistic problem(samples, workers, true);
  return samples.empty() ? nullptr : &problem;
}

}  // namespace

const Quadratic& quadratic() {
  static const Quadratic problem(table.dimension(), workers, 100);
  return problem;
}

Experiment on_quadratic(const std::string& algorithm, const std::string& compressor) {
  Experiment e;
  e.algorithm = algorithm;
  e.compressor = compressor;
  e.size = workers;
  e.table = table;
  e.gradient = quadratic().gradient(table);
  e.start = Reals(table.dimension(), 0.5);
  return e;
}

std::vector<Experiment> on_problems(const std::string& algorithm, const std::string& compressor) {
  std::vector<Experiment> all = {on_quadratic(algorithm, compressor)};
  if (!logistic()) return all;
  Experiment e = all[0];
  e.table = {};
  e.table.add("weight", {Logistic::features + 1}, true);
  e.gradient = logistic()->gradient(0);
  e.start = Reals(Logistic::features + 1);
  all.push_back(e);
  return all;
}

float halving(std::int64_t t) {
  return t < 7 ? 0.05f : t < 12 ? 0.02f : 0.005f;
}

Reals unbucketed(const Reals& bucketed, const BlockTable& of, std::int64_t block_bytes) {
  dist::Buckets buckets(of, block_bytes);
  Tensor from({buckets.extent()}, DType::f32), flat({of.extent()}, DType::f32);
  flat.zero();
  for (std::size_t i = 0; i < bucketed.size(); ++i) from.data<float>()[i] = static_cast<float>(bucketed[i]);
  buckets.scatter(from, flat);
  return from_flat(flat, of);
}

Reals without_padding(const Reals& flat, const BlockTable& of) {
  Reals values;
  for (const Block& block : of.blocks()) {
    auto begin = flat.begin() + block.offset;
    values.insert(values.end(), begin, begin + block.count);
  }
  return values;
}

Reals signs(const Reals& x) {
  double sum = 0;
  for (double value : x) sum += std::abs(value);
  Reals code(x.size());
  for (std::size_t j = 0; j < x.size(); ++j) code[j] = (x[j] < 0 ? -1 : 1) * sum / static_cast<double>(x.size());
  return code;
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

}  // namespace stint::test

using namespace stint;
using namespace stint::test;

TEST_CASE("equal workers run plain gradient descent under every uncompressed averaging", "[dist]") {
  auto same = [](int, std::int64_t t, const Tensor& x, const Tensor& g) { quadratic().gradient(table)(0, t, x, g); };
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

TEST_CASE("where a worker has nothing of its own, and only there, one copy says everything", "[dist]") {
  using Steps = std::vector<std::int64_t>;
  const Steps all = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  struct Case {
    const char* algorithm;
    Steps behind;  // these steps nobody has anything of his own
  };
  const std::vector<Case> cases = {{"sync", all},
                                   {"pipe", all},
                                   {"local:period=3", {3, 6, 9}},
                                   {"lb:period=3", {3, 6, 9}},
                                   {"crpsgd:growth=2", {1, 3, 7}},
                                   {"liec:period=4", {4, 8}},
                                   {"stl:period=3,stage=6", {3, 6}},
                                   {"stl:variant=nc1,period=3,stage=6,proximal=1", {3, 6}},
                                   {"vrl:period=3", {}},
                                   {"cocod:period=3", {}},
                                   {"easgd:period=3", {}},
                                   {"mem", {}},
                                   {"doublesqueeze", {}},
                                   {"neolithic", {}},
                                   {"cser:period=3", {}}};
  std::vector<std::string> names;
  for (const Case& c : cases) names.emplace_back(c.algorithm);
  CHECK(missing_from(names) == std::vector<std::string>{});
  for (const Case& c : cases) {
    INFO(c.algorithm);
    Experiment e = on_quadratic(c.algorithm);
    e.steps = 16;  // in which crpsgd applies what it gathers from the eighth on
    e.lr = halving;
    e.momentum = 0.9f;
    Course whole = run(e);
    Steps said, seen;
    for (std::int64_t t : all) {
      if (whole.steps[0][t - 1].nothing_of_its_own) said.push_back(t);
      e.renewed_at = t;
      if (run(e).last == whole.last) seen.push_back(t);
    }
    CHECK(said == c.behind);
    CHECK(seen == c.behind);
  }
}

TEST_CASE("in process and over sockets every algorithm has the same bits, on every problem", "[dist]") {
  auto kinds = group_kinds();
  const std::vector<std::string> algorithms = {
      "sync",           "local:period=3", "liec:period=4", "stl:period=2,stage=5", "vrl:period=3", "cocod:period=3",
      "easgd:period=3", "pipe",           "lb:period=2",   "crpsgd:growth=1.3",    "mem",          "doublesqueeze",
      "neolithic",      "cser:period=4"};
  CHECK(missing_from(algorithms) == std::vector<std::string>{});
  for (const std::string& algorithm : algorithms) {
    for (Experiment& e : on_problems(algorithm)) {
      INFO(algorithm << ", d = " << e.table.dimension());
      e.steps = 8;
      e.momentum = 0.9f;
      e.finish = true;
      Course first = run(e);
      for (const GroupKind& kind : kinds) {
        if (kind.device.type != Device::Type::cpu) continue;  // NCCL has an order of its own
        INFO(kind.name);
        e.kind = kind;
        Course other = run(e);
        CHECK(other.last == first.last);
        CHECK(other.traffic == first.traffic);
      }
    }
  }
}
