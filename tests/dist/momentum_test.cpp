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

/// Batches of `first` gradients a worker, `growth` times as many (rounded up) with every update.
void gather(ByHand& n, double first, double growth) {
  std::vector<Reals> gathered;
  for (std::int64_t t = 0; t < steps; ++t) {
    gathered.push_back(mean_of(n.gradients()));
    if (static_cast<double>(gathered.size()) < first) continue;
    n.descend(same(mean_of(gathered)), halving(t));
    gathered.clear();
    first *= growth;
  }
}

void large_batch(ByHand& n) {
  gather(n, 4, 1);
}

void growing_batch(ByHand& n) {
  gather(n, 1, 1.5);
}

void local(ByHand& n) {
  for (std::int64_t t = 0; t < steps; ++t) {
    n.descend(n.gradients(), halving(t));
    if ((t + 1) % 4 != 0) continue;
    make_equal(n.x);
    make_equal(n.v);
  }
}

/// Stages that begin at these steps, with these periods and parts of the rate.
struct Stage {
  std::int64_t begin, period;
  double rate;
};

void in_stages(ByHand& n, const std::vector<Stage>& stages, double proximal) {
  for (std::size_t s = 0; s < stages.size(); ++s) {
    std::vector<Reals> start = n.x;
    std::int64_t end = s + 1 < stages.size() ? stages[s + 1].begin : steps;
    for (std::int64_t t = stages[s].begin; t < end; ++t) {
      std::vector<Reals> g = n.gradients();
      for (int i = 0; i < workers; ++i) g[i] = plus(plus(g[i], n.x[i], proximal), start[i], -proximal);
      n.descend(g, halving(t) * stages[s].rate);
      bool stage_ends = t + 1 == end && end < steps;
      if ((t + 1 - stages[s].begin) % stages[s].period != 0 && !stage_ends) continue;
      make_equal(n.x);
      make_equal(n.v);
    }
  }
}

/// Steps and periods double, or grow by the root of two: 2, 2 sqrt(2), 4, all rounded down.
void stl(ByHand& n) {
  in_stages(n, {{0, 2, 1}, {4, 4, 0.5}, {12, 8, 0.25}}, 0);
}

void stl_non_iid(ByHand& n) {
  in_stages(n, {{0, 2, 1}, {3, 2, 0.5}, {9, 4, 0.25}}, 0);
}

void stl_option_1(ByHand& n) {
  in_stages(n, {{0, 3, 1}, {6, 6, 0.5}}, 2);
}

/// Steps grow by as many every stage, periods by as much or with the root of the stage: 2, 2 sqrt(2), 2 sqrt(3).
void stl_option_2(ByHand& n) {
  in_stages(n, {{0, 2, 1}, {4, 4, 0.5}, {12, 6, 1.0 / 3}}, 2);
}

void stl_option_2_non_iid(ByHand& n) {
  in_stages(n, {{0, 2, 1}, {2, 2, 0.5}, {6, 3, 1.0 / 3}, {12, 4, 0.25}}, 1);
}

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

/// C[x] in `times` rounds, each of what is still missing.
Reals compressed(const Reals& x, int times) {
  Reals sum(x.size());
  for (int i = 0; i < times; ++i) sum = plus(sum, signs(plus(x, sum, -1)));
  return sum;
}

/// Errors of the workers, and with `both_ways` the server's, whose product with the rate is kept where that changes.
void error_feedback(ByHand& n, int times, bool both_ways) {
  std::vector<Reals> owed = ByHand::zeros();
  Reals error(table.dimension());
  for (std::int64_t t = 0; t < steps; ++t) {
    double change = t > 0 ? static_cast<double>(halving(t - 1)) / halving(t) : 1;
    std::vector<Reals> g = n.gradients(), codes;
    for (int i = 0; i < workers; ++i) {
      Reals p = plus(g[i], owed[i], change);
      codes.push_back(compressed(p, times));
      owed[i] = plus(p, codes[i], -1);
    }
    Reals p = plus(mean_of(codes), error, change), down = both_ways ? compressed(p, times) : p;
    error = plus(p, down, -1);
    n.descend(same(down), halving(t));
  }
}

void mem(ByHand& n) {
  error_feedback(n, 1, false);
}

void double_squeeze(ByHand& n) {
  error_feedback(n, 1, true);
}

void neolithic(ByHand& n) {
  error_feedback(n, 3, true);
}

/// What a worker applied alone is taken back every third step, as far as it can be said in signs.
void cser(ByHand& n) {
  std::vector<Reals> alone = ByHand::zeros();
  for (std::int64_t t = 0; t < steps; ++t) {
    double change = t > 0 ? static_cast<double>(halving(t - 1)) / halving(t) : 1;
    std::vector<Reals> g = n.gradients(), codes, u, resets;
    for (int i = 0; i < workers; ++i) codes.push_back(signs(g[i]));
    for (int i = 0; i < workers; ++i) {
      Reals own = plus(g[i], codes[i], -1);
      u.push_back(plus(mean_of(codes), own));
      alone[i] = plus(scaled(alone[i], change), own);
      resets.push_back(signs(alone[i]));
    }
    for (int i = 0; i < workers && (t + 1) % 3 == 0; ++i) {
      u[i] = plus(plus(u[i], resets[i], -1), mean_of(resets));
      alone[i] = plus(alone[i], resets[i], -1);
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
  const std::vector<Case> cases = {{"sync", "", sync},
                                   {"pipe", "", pipe},
                                   {"lb:period=4", "", large_batch},
                                   {"crpsgd:growth=1.5", "", growing_batch},
                                   {"local:period=4", "", local},
                                   {"stl:period=2,stage=4", "", stl},
                                   {"stl:period=2,stage=3,iid=false", "", stl_non_iid},
                                   {"stl:variant=nc1,period=3,stage=6,proximal=2", "", stl_option_1},
                                   {"stl:variant=nc2,period=2,stage=4,proximal=2", "", stl_option_2},
                                   {"stl:variant=nc2,period=2,stage=2,proximal=1,iid=false", "", stl_option_2_non_iid},
                                   {"vrl:period=4", "", vrl},
                                   {"cocod:period=4", "", cocod},
                                   {"easgd:period=4,beta=0.9", "", easgd},
                                   {"liec:period=5", "sign", liec},
                                   {"mem", "sign", mem},
                                   {"doublesqueeze", "sign", double_squeeze},
                                   {"neolithic:rounds=3", "sign", neolithic},
                                   {"cser:period=3", "sign", cser}};
  std::vector<std::string> names;
  for (const Case& c : cases) names.emplace_back(c.algorithm);
  CHECK(missing_from(names) == std::vector<std::string>{});
  for (const Case& c : cases) {
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
