#include "op_case.h"

namespace stint::test {

Reals random_reals(std::int64_t count, std::uint64_t number) {
  RandomSequence random{7, number};
  Reals values;
  for (std::int64_t i = 0; i < count; ++i) values.push_back(2 * random.uniform(i) - 1);
  return values;
}

Reals spaced_reals(std::int64_t count, std::uint64_t number) {
  Reals values;
  for (std::int64_t i = 0; i < count; ++i) values.push_back(0.02 * static_cast<double>(i - count / 2) + 0.01);
  RandomSequence random{11, number};
  for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[random.below(i, i)]);
  return values;
}

Input activation(Shape shape, std::uint64_t number) {
  return {Input::Kind::activation, shape, random_reals(shape.count(), number)};
}

Input spaced_activation(Shape shape, std::uint64_t number) {
  return {Input::Kind::activation, shape, spaced_reals(shape.count(), number)};
}

Input weight(Shape shape, std::uint64_t number) {
  return {Input::Kind::weight, shape, random_reals(shape.count(), number)};
}

Input vector(std::int64_t count, std::uint64_t number) {
  return {Input::Kind::vector, {count}, random_reals(count, number)};
}

Input labels(std::vector<int> classes) {
  return {Input::Kind::labels, {static_cast<std::int64_t>(classes.size())}, Reals(classes.begin(), classes.end())};
}

}  // namespace stint::test
