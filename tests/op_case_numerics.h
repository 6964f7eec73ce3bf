#pragma once

#include "op_case.h"

/// Comparison of results with the double-precision reference.
namespace stint::test {

/// How far a result may be from the reference, as a share of the reference's largest magnitude.
struct Tolerance {
  double forward;
  double backward;
};

/// f32: rounding of the sums of small cases. bf16: a few units of its last place, 2^-8.
inline Tolerance tolerance_of(DType dtype) {
  return dtype == DType::f32 ? Tolerance{2e-5, 1e-4} : Tolerance{2e-2, 3e-2};
}

/// Fails the running test unless every |got - expected| <= tolerance * max |expected|; a NaN always fails.
void require_close(const std::string& what, const Reals& got, const Reals& expected, double tolerance);

/// Fails the running test unless `gradient` is that of sum(dy * reference(inputs)) by input `which`: element by element
/// against central differences (of large inputs a sample), and along one random direction that touches every element.
void require_gradient(const AnyCase& c, const std::vector<Reals>& inputs, std::size_t which, const Reals& dy,
                      const Reals& gradient, double tolerance);

}  // namespace stint::test
