#pragma once

#include <stint/runtime/tensor.h>

/// Matrix products by cuBLASLt, opened when it is first used. The algorithm is the first that cuBLASLt's heuristic
/// names for the case with a fixed limit of workspace, so it is a function of shape, dtype and flags. f32 is multiplied
/// in f32; STINT_TF32=1 allows TF32.
namespace stint::cublaslt {

/// c [m,n] <- op(a) [m,k] * op(b) [k,n] + (accumulate ? c : 0) + bias, row-major, added up in f32.
struct Product {
  std::int64_t m, n, k;
  bool transpose_a = false;  ///< a is stored [k,m]
  bool transpose_b = false;  ///< b is stored [n,k]
  DType ab = DType::f32;
  DType c = DType::f32;
  bool accumulate = false;
  bool bias = false;  ///< [n], in the dtype of c, added to every row

  auto operator<=>(const Product&) const = default;
};

/// Opens the library if it is not open yet. Errors (ErrorKind::usage): it is missing.
void open();

/// Bytes of workspace. Errors: cuBLASLt is missing (ErrorKind::usage), or has no algorithm for the case.
std::size_t workspace(const Product& product);

/// `bias` and `workspace` may be empty where none is wanted.
void run(const Product& product, const Tensor& a, const Tensor& b, const Tensor& c, const Tensor& bias,
         const Tensor& workspace);

}  // namespace stint::cublaslt
