#pragma once

#include "experiment.h"

namespace stint::test {

/// Logistic regression with l2 on a9a.t, its samples dealt out to the workers IID or sorted by label. The last element
/// of x is the constant's.
struct Logistic {
  static constexpr int features = 123;
  static constexpr double l2 = 1e-2;

  struct Sample {
    std::vector<int> ones;  ///< places of the features, all of which are 1
    double label;           ///< +-1
  };

  /// Empty, with a warning, where the file is not.
  static std::vector<Sample> read();

  Logistic(std::vector<Sample> all, int workers, bool by_label);

  double loss(const Reals& x) const;
  /// Of `batch` samples of the worker's own, drawn with repetition; 0: of all of them.
  GradientOf gradient(std::int64_t batch) const;

  std::vector<Sample> samples;
  std::vector<std::vector<int>> shards;  ///< places of each worker's samples

 private:
  double add(const Sample& sample, const float* x, double share, float* g) const;
};

}  // namespace stint::test
