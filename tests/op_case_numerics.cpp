#include "op_case_numerics.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

namespace stint::test {

namespace {

constexpr std::size_t every_element = 400;  // inputs up to this size are differentiated element by element
constexpr std::size_t sample_size = 64;

double largest_of(const Reals& values) {
  double largest = 1e-3;
  for (double value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

/// sum(dy * reference(x)) as a function of one input.
class Slope {
 public:
  Slope(const AnyCase& c, std::vector<Reals> inputs, std::size_t which, const Reals& dy)
      : c_(c), inputs_(std::move(inputs)), start_(inputs_[which]), x_(inputs_[which]), dy_(dy) {}

  /// Central difference along one element.
  double at(std::size_t i) {
    x_[i] = start_[i] + step;
    double above = value();
    x_[i] = start_[i] - step;
    double below = value();
    x_[i] = start_[i];
    return (above - below) / (2 * step);
  }

  /// Central difference along a direction.
  double along(const Reals& direction) {
    for (std::size_t i = 0; i < x_.size(); ++i) x_[i] = start_[i] + step * direction[i];
    double above = value();
    for (std::size_t i = 0; i < x_.size(); ++i) x_[i] = start_[i] - step * direction[i];
    double below = value();
    x_ = start_;
    return (above - below) / (2 * step);
  }

 private:
  static constexpr double step = 1e-4;

  double value() const {
    Reals y = c_.reference(inputs_);
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += dy_[i] * y[i];
    return sum;
  }

  const AnyCase& c_;
  std::vector<Reals> inputs_;
  Reals start_;
  Reals& x_;
  const Reals& dy_;
};

/// All elements, or some of many: the first, the last, and random ones.
std::vector<std::size_t> elements_to_try(std::size_t count) {
  std::vector<std::size_t> elements;
  for (std::size_t i = 0; i < count && count <= every_element; ++i) elements.push_back(i);
  if (!elements.empty() || count == 0) return elements;
  RandomSequence random{5, count};
  elements = {0, count - 1};
  while (elements.size() < sample_size) elements.push_back(random.below(elements.size(), count));
  return elements;
}

}  // namespace

void require_close(const std::string& what, const Reals& got, const Reals& expected, double tolerance) {
  REQUIRE(got.size() == expected.size());
  double allowed = tolerance * largest_of(expected);
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (std::abs(got[i] - expected[i]) <= allowed) continue;
    FAIL(what << ": element " << i << " is " << got[i] << (std::isnan(got[i]) ? " (never written?)" : "")
              << ", expected " << expected[i] << " within " << allowed);
  }
}

void require_gradient(const AnyCase& c, const std::vector<Reals>& inputs, std::size_t which, const Reals& dy,
                      const Reals& gradient, double tolerance) {
  Slope slope(c, inputs, which, dy);
  Reals got, expected;
  for (std::size_t i : elements_to_try(gradient.size())) {
    got.push_back(gradient[i]);
    expected.push_back(slope.at(i));
  }
  require_close("gradient", got, expected, tolerance);

  Reals direction = random_reals(static_cast<std::int64_t>(gradient.size()), 55);
  double along = 0;
  for (std::size_t i = 0; i < gradient.size(); ++i) along += gradient[i] * direction[i];
  double allowed = tolerance * largest_of(expected) * std::sqrt(static_cast<double>(gradient.size()));
  double difference = std::abs(along - slope.along(direction));
  INFO("along a random direction the gradient is " << along << ", " << difference << " off; allowed is " << allowed);
  REQUIRE(difference <= allowed);  // false for NaN
}

}  // namespace stint::test
