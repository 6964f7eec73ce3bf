#pragma once

#include <stint/runtime/philox.h>

#include <cmath>

namespace stint {

/// A draw from the gamma distribution of shape `alpha` > 0 (Marsaglia and Tsang 2000). `at` is where to read in the
/// sequence; it moves on by what was used.
inline double draw_gamma(double alpha, RandomSequence random, std::uint64_t& at) {
  auto uniform = [&] { return (static_cast<double>(random.word(at++)) + 0.5) * 0x1p-32; };
  if (alpha < 1) {
    double larger = draw_gamma(alpha + 1, random, at);
    return larger * std::pow(uniform(), 1 / alpha);
  }
  double d = alpha - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  while (true) {
    double radius = std::sqrt(-2 * std::log(uniform())), x = radius * std::cos(2 * std::numbers::pi * uniform());
    double v = std::pow(1 + c * x, 3);
    if (v > 0 && std::log(uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

}  // namespace stint
