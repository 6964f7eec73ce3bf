#include <stint/layers/initialiser.h>

#include <algorithm>
#include <cmath>

namespace stint {

Initialiser constant(float value) {
  return [value](std::span<float> values, RandomSequence) { std::fill(values.begin(), values.end(), value); };
}

Initialiser uniform(float bound) {
  return [bound](std::span<float> values, RandomSequence random) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = bound * (2 * random.uniform(i) - 1);
  };
}

Initialiser normal(float deviation) {
  return [deviation](std::span<float> values, RandomSequence random) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = deviation * random.normal(i);
  };
}

Initialiser kaiming_normal(std::int64_t fan) {
  return normal(std::sqrt(2.0f / static_cast<float>(fan)));
}

Initialiser fan_in_uniform(std::int64_t fan_in) {
  return uniform(1 / std::sqrt(static_cast<float>(fan_in)));
}

}  // namespace stint
