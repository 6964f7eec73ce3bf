// Momentum and weight decay, which the papers leave out: every policy of dist/algorithm.h in plain doubles.

#include <catch2/catch.hpp>
#include <cmath>

#include "identities.h"

using namespace stint;
using namespace stint::test;

namespace {

constexpr double usual_momentum = 0.9, usual_decay = 0.05;
constexpr std::int64_t steps = 14;

/// N workers on the quadratic with SGD as it is defined, in doubles.
struct ByHand {
  std::vector<Reals> x = std::vector<Reals>(workers, Reals(table.dimension(), 0.5)), v = zeros();
  double momentum = usual_momentum, decay = usual_decay;

  static std::vector<Reals> zeros() { return std::vector<Reals>(workers, Reals(table.dimension())); }

  std::vector<Reals> gradients() const {
    std::vector<Reals> g = zeros();
    for (int i = 0; i < workers; ++i) {
      for (std::size_t j = 0; j < g[i].size(); ++j) g[i][j] = quadratic().a[i][j] * (x[i][j] - quadratic().b[i][j]);
    }
    return g;
  }

  /// v <- momentum v + (direction + decay x); x <- x - lr v
  void descend(int i, const Reals& direction, double lr) {
    Reals d = plus(direction, x[i], decay);
    v[i] = plus(d, v[i], momentum);
    x[i] = plus(x[i], v[i], -lr);
  }
  void descend(const std::vector<Reals>& directions, double lr) {
    for (int i = 0; i < workers; ++i) descend(i, directions[i], lr);
  }
};

std::vector<Reals> same(const Reals& one) {
  return std::vector<Reals>(workers, one);
}

void make_equal(std::vector<Reals>& all) {
  all = same(mean_of(all));
}

Reals scaled(const Reals& x, double factor) {
  return plus(Reals(x.size()), x, factor);
}

/// C[x] of one bucket.
Reals signs(const Reals& x) {
  double sum = 0;
  for (double value : x) sum += std::abs(value);
  Reals code(x.size());
  for (std::size_t j = 0; j < x.size(); ++j) code[j] = (x[j] < 0 ? -1 : 1) * sum / static_cast<double>(x.size());
  return code;
}

void sync(ByHand& n) {
  for (std::int64_t t = 0; t < steps; ++t) n.descend(same(mean_of(n.gradients())), halving(t));
}

void pipe(ByHand& n) {
  Reals late;
  for (std::int64_t t = 0; t < steps; ++t) {
    Reals next = mean_of(n.gradients());
    if (t > 0) n.descend(same(late), halving(t));
    late = next;
  }
}

void large_batch(ByHand& n) {
  std::vector<Reals> gathered;
  for (std::int64_t t = 0; t < steps; ++t) {
    gathered.push_back(mean_of(n.gradients()));
    if (gathered.size() < 4) continue;
    n.descend(same(mean_of(gathered)), halving(t));
    gathered.clear();
  }
}

void local(ByHand& n) {
  for (std::int64_t t = 0; t < steps; ++t) {
    n.descend(n.gradients(), halving(t));
    if ((t + 1) % 4 != 0) continue;
    make_equal(n.x);
    make_equal(n.v);
  }
}

/// Stages of 6 steps with period 3, and of 12 with period 6 at half the rate.
void stl(ByHand& n) {
  std::vector<Reals> start = n.x;
  for (std::int64_t t = 0; t < steps; ++t) {
    if (t == 6) start = n.x;
    std::vector<Reals> g = n.gradients();
    for (int i = 0; i < workers; ++i) g[i] = plus(plus(g[i], n.x[i], 2), start[i], -2);
    n.descend(g, t < 6 ? halving(t) : halving(t) / 2);
    if (t != 2 && t != 5 && t != 11) continue;
    make_equal(n.x);
    make_equal(n.v);
  }
}

/// Momentum filters the gradient alone, the correction does not pass through it.
void vrl(ByHand& n) {
  std::vector<Reals> correction = ByHand::zeros();
  double rates = 0;
  for (std::int64_t t = 0; t < steps; ++t) {
    n.descend(n.gradients(), halving(t));
    for (int i = 0; i < workers; ++i) n.x[i] = plus(n.x[i], correction[i], halving(t));
    rates += halving(t);
    if ((t + 1) % 4 != 0) continue;
    Reals mean = mean_of(n.x);
    for (int i = 0; i < workers; ++i) correction[i] = plus(correction[i], plus(mean, n.x[i], -1), 1 / rates);
    n.x = same(mean);
    make_equal(n.v);
    rates = 0;
  }
}

/// Momentum stays with the worker.
void cocod(ByHand& n) {
  std::vector<Reals> snapshot;
  for (std::int64_t t = 0; t < steps; ++t) {
    if (t % 4 == 0) snapshot = n.x;
    n.descend(n.gradients(), halving(t));
    if ((t + 1) % 4 != 0) continue;
    for (int i = 0; i < workers; ++i) n.x[i] = plus(plus(mean_of(snapshot), n.x[i]), snapshot[i], -1);
  }
}

void easgd(ByHand& n) {
  Reals centre = n.x[0];
  double alpha = 0.9 / workers;
  for (std::int64_t t = 0; t < steps; ++t) {
    n.descend(n.gradients(), halving(t));
    if ((t + 1) % 4 != 0) continue;
    std::vector<Reals> distances;
    for (const Reals& x : n.x) distances.push_back(plus(x, centre, -1));
    for (int i = 0; i < workers; ++i) {
      n.x[i] = plus(n.x[i], distances[i], -alpha);
      centre = plus(centre, distances[i], alpha);
    }
  }
}

/// Decay is never compressed; lr times the server's error is kept where the rate changes.
void liec(ByHand& n) {
  Reals error(table.dimension());
  for (std::int64_t t = 0; t < steps; ++t) {
    if (t > 0) error = scaled(error, static_cast<double>(halving(t - 1)) / halving(t));
    std::vector<Reals> u = n.gradients();
    if ((t + 1) % 5 == 0) {
      make_equal(n.x);
      make_equal(n.v);
      u = same(plus(mean_of(u), error));
      error = Reals(error.size());
    } else {
      std::vector<Reals> codes;
      for (const Reals& g : u) codes.push_back(signs(g));
      Reals p = plus(mean_of(codes), error), down = signs(p);
      error = plus(p, down, -1);
      for (int i = 0; i < workers; ++i) u[i] = plus(plus(down, u[i]), codes[i], -1);
    }
    n.descend(u, halving(t));
  }
}

double gap(const std::vector<Reals>& a, const std::vector<Reals>& b) {
  double most = 0;
  for (int i = 0; i < workers; ++i) most = std::max(most, distance(a[i], b[i]));
  return most;
}

}  // namespace

TEST_CASE("with momentum, decay and changing rates every algorithm goes where plain doubles go", "[dist]") {
  struct Case {
    const char *algorithm, *compressor;
    void (*by_hand)(ByHand&);
  };
  for (Case c : {Case{"sync", "", sync},
                 {"pipe", "", pipe},
                 {"lb:period=4", "", large_batch},
                 {"local:period=4", "", local},
                 {"stl:variant=nc1,period=3,stage=6,proximal=2", "", stl},
                 {"vrl:period=4", "", vrl},
                 {"cocod:period=4", "", cocod},
                 {"easgd:period=4,beta=0.9", "", easgd},
                 {"liec:period=5", "sign", liec}}) {
    INFO(c.algorithm);
    Experiment e = on_quadratic(c.algorithm, c.compressor);
    e.steps = steps;
    e.lr = halving;
    e.momentum = static_cast<float>(usual_momentum);
    e.decay = static_cast<float>(usual_decay);
    Course course = run(e);
    ByHand hand, without_momentum, without_decay;
    without_momentum.momentum = 0;
    without_decay.decay = 0;
    for (ByHand* each : {&hand, &without_momentum, &without_decay}) c.by_hand(*each);
    CHECK(gap(course.last, hand.x) < 1e-5);
    CHECK(gap(course.last, without_momentum.x) > 1e-2);
    CHECK(gap(course.last, without_decay.x) > 1e-2);
  }
}
