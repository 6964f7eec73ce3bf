// CoCoD-SGD: what its equations imply, exactly or to round-off.

#include <stint/dist/in_process.h>
#include <stint/dist/link_model.h>

#include <catch2/catch.hpp>
#include <ctime>

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
  for (Experiment& e : on_problems("cocod:period=4")) {
    INFO("d = " << e.table.dimension());
    e.steps = 200;
    Course course = run(e);
    double late = 0, most = 0;
    double drift = 0;  // of one round: its rates times the largest difference of a gradient from the mean
    for (std::int64_t t = 0; t < e.steps; ++t) {
      double apart = distance(course.steps[0][t].after, mean_after(course, t));
      most = std::max(most, apart);
      if (t >= 100) late = std::max(late, apart);
      drift = std::max(drift, 4 * 0.02 * distance(course.steps[0][t].gradient, mean_gradient(course, t)));
    }
    CHECK_FALSE(course.agree);
    CHECK(most < 2 * drift);
    CHECK(late > 1e-3);
    e.momentum = 0.9f;
    e.finish = true;
    e.steps = 20;
    Course ended = run(e);
    CHECK(ended.agree);
    for (int r = 1; r < workers; ++r) {
      CHECK(ended.last[r] == ended.last[0]);
      CHECK(ended.traffic[r].sent_by(dist::Payload::state) > 0);
    }
  }
}

TEST_CASE("CoCoD-SGD stalls on unequal workers, farther off with longer rounds and farther than Local SGD", "[dist]") {
  Reals best = quadratic().minimiser();
  double before = 1e-3;
  for (int period : {1, 5, 20}) {
    auto stalls_at = [&](const std::string& algorithm) {
      Experiment e = on_quadratic(algorithm + ":period=" + std::to_string(period));
      e.steps = 600;
      e.lr = [](std::int64_t) { return 0.05f; };
      return distance(run(e).consensus, best);
    };
    double cocod = stalls_at("cocod"), local = stalls_at("local");
    INFO("period " << period << ": " << cocod << ", Local SGD " << local);
    CHECK(cocod > 1.5 * local);
    CHECK(cocod > 1.5 * before);
    before = cocod;
  }
}

namespace {

constexpr double step_seconds = 5e-3;

/// Of a thread's own time, so that a busy machine does not count.
void compute() {
  auto now = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  };
  double end = now() + step_seconds;
  while (now() < end) {
  }
}

struct Seconds {
  double all, waited;
};

/// 20 steps of two workers, whose messages take that long each, on the clock of `--net`.
Seconds emulated(const std::string& algorithm, const std::string& latency) {
  auto net = std::make_shared<dist::EmulatedNet>(dist::LinkModel::parse("bandwidth=100Gbps,latency=" + latency), 2);
  auto make = dist::parse_algorithm(algorithm, "");
  Seconds seconds{};
  dist::run_workers(2, std::chrono::seconds(20), [&](dist::Communicator& inner) {
    dist::EmulatedGroup group(inner, net, dist::EmulatedGroup::Clock::thread);
    auto made = make({group, table, Device::cpu()});
    Tensor x({table.extent()}, DType::f32), g({table.extent()}, DType::f32);
    for (const Tensor& each : {x, g}) each.zero();
    PlainDescent update;
    for (std::int64_t t = 0; t < 20; ++t) {
      compute();
      dist::StepContext context{t, 0.1f, x, g, {}, update};
      made->step(context);
    }
    if (group.rank() == 0) seconds = {group.seconds(), group.waited_seconds()};
  });
  return seconds;
}

}  // namespace

TEST_CASE("a round of CoCoD-SGD takes the longer of computing and communicating, of Local SGD both", "[dist]") {
  constexpr double computing = 20 * step_seconds;  // 5 rounds of 20 ms
  struct Case {
    const char* latency;
    double communicating;  // an all_reduce is two messages
  };
  for (Case c : {Case{"5ms", 0.010}, {"20ms", 0.040}}) {
    Seconds cocod = emulated("cocod:period=4", c.latency), local = emulated("local:period=4", c.latency),
            sync = emulated("sync", c.latency);
    INFO(c.latency << ": cocod " << cocod.all << " s, local " << local.all << ", sync " << sync.all);
    double exposed = std::max(0.0, c.communicating - 4 * step_seconds);
    CHECK(local.all >= computing + 5 * c.communicating - 1e-3);
    CHECK(sync.all >= computing + 20 * c.communicating - 1e-3);
    CHECK(cocod.all >= computing + 5 * exposed - 1e-3);
    CHECK(cocod.waited <= 5 * exposed + step_seconds + 0.01);  // the first round starts behind its first gradient
    CHECK(cocod.waited < 0.6 * local.waited);
    CHECK(local.waited < 0.3 * sync.waited);
  }
}
