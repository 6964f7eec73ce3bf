#pragma once

#include <stint/runtime/tensor.h>

/// Arithmetic on tensors as flat vectors, f32 or bf16, computed in f32. Operands have equal counts and packings. These
/// are not recorded on a tape and have no gradient.
namespace stint {

/// y <- x, or y <- y + x. The dtypes may differ.
void add_to(const Tensor& x, const Tensor& y, bool accumulate);

/// y <- y + a * x
void axpy(float a, const Tensor& x, const Tensor& y);

/// x <- a * x
void scale(float a, const Tensor& x);

/// y[places[i]] <- y[places[i]] + a * x[i], f32; places [n] i32, distinct and within y.
void scatter_add(float a, const Tensor& x, const Tensor& places, const Tensor& y);

/// Sum of squares in double, in an order that does not depend on the number of threads. 0 on the null device.
double squared_norm(const Tensor& x);

/// Scales `gradient` so that its Euclidean norm is at most `limit`; returns the norm it had. A norm that is not finite
/// leaves it as it is.
double clip_norm(const Tensor& gradient, float limit);

}  // namespace stint
