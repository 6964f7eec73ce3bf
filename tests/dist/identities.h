#pragma once

#include "experiment.h"

/// What the checks of the papers' equations have in common: one file a paper, `*_test.cpp` beside this.
namespace stint::test {

inline constexpr int workers = 4;
inline const BlockTable table = ragged_table();  ///< of the quadratic

/// Heterogeneous, with deterministic gradients.
const Quadratic& quadratic();
Experiment on_quadratic(const std::string& algorithm, const std::string& compressor = "");

/// The same on the quadratic and, where its file is, on logistic regression over a9a.t sorted by label.
std::vector<Experiment> on_problems(const std::string& algorithm, const std::string& compressor = "");

/// A learning rate that changes inside of most rounds.
float halving(std::int64_t t);

/// A whole bucketed vector, and a flat one with its padding, as vectors of R^d.
Reals unbucketed(const Reals& bucketed, const BlockTable& of, std::int64_t block_bytes);
Reals without_padding(const Reals& flat, const BlockTable& of);

/// C[x] of the scaled signs with one bucket.
Reals signs(const Reals& x);

/// Over the workers, at step t.
Reals mean_after(const Course& course, std::int64_t t);
Reals mean_gradient(const Course& course, std::int64_t t);

/// Between the workers' last models.
double largest_gap(const Course& a, const Course& b);

}  // namespace stint::test
