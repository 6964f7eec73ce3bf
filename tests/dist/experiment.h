#pragma once

#include <stint/dist/algorithm.h>

#include <functional>

#include "../op_case.h"
#include "groups.h"

/// N workers on a small problem in R^d: what the invariants of the algorithms are checked on.
namespace stint::test {

/// g <- the gradient of worker `rank` at x at step t. Both flat, with the table's padding.
using GradientOf = std::function<void(int rank, std::int64_t t, const Tensor& x, const Tensor& g)>;

struct Experiment {
  std::string algorithm;
  std::string compressor;
  int size = 4;
  std::int64_t steps = 20;
  std::function<float(std::int64_t)> lr = [](std::int64_t) { return 0.02f; };
  float momentum = 0;
  float decay = 0;
  std::vector<float> weights;    ///< p_i; empty: equal
  bool finish = false;           ///< close what is open after the last step
  std::int64_t renewed_at = -1;  ///< before this step all go on as after a change of their number: from one copy
  BlockTable table;
  GradientOf gradient;
  Reals start;  ///< of R^d; empty: zeros
  GroupKind kind = group_kinds()[0];
};

/// What was seen. Vectors are of R^d, without padding.
struct Course {
  struct Moment {
    Reals before, gradient, after;  ///< one step of one worker
    std::vector<Reals> state;       ///< of the algorithm, behind the step, as it is
    bool nothing_of_its_own;        ///< as the algorithm says, behind the step
  };
  std::vector<std::vector<Moment>> steps;  ///< [rank][t]
  std::vector<Reals> last;                 ///< x_i at the end
  Reals consensus;
  std::vector<dist::Traffic> traffic;  ///< without that of the consensus
  std::int64_t rounds = 0;
  bool agree = false;
  double compression_error = 0;  ///< of rank 0, at the last step
};
Course run(const Experiment& experiment);

/// The algorithms of the registry that a table of texts (`name:key=value`) lacks: none, if a test is to have them all.
std::vector<std::string> missing_from(const std::vector<std::string>& texts);

/// x <- x - lr direction
struct PlainDescent : LocalUpdate {
  void apply(const Tensor& x, const Tensor& direction, float lr) override;
  std::vector<NamedTensor> state() override { return {}; }
  std::int64_t steps() const override { return 0; }
  void set_steps(std::int64_t) override {}
};

/// A table with ragged blocks, so that there is padding.
BlockTable ragged_table();

/// f_i(x) = 1/2 sum_j a_ij (x_j - b_ij)^2, different for every worker: deterministic gradients.
struct Quadratic {
  std::vector<Reals> a, b;

  Quadratic(std::int64_t dimension, int size, std::uint64_t seed);
  GradientOf gradient(const BlockTable& table) const;
  Reals minimiser() const;
};

Reals mean_of(const std::vector<Reals>& vectors);
double distance(const Reals& x, const Reals& y);
/// x + factor * y
Reals plus(Reals x, const Reals& y, double factor = 1);

/// Between R^d and a flat vector.
Reals from_flat(const Tensor& flat, const BlockTable& table);
void to_flat(const Reals& values, const BlockTable& table, const Tensor& flat);

}  // namespace stint::test
