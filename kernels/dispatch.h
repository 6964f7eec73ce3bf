#pragma once

#include <stint/runtime/cuda_driver.h>
#include <stint/runtime/error.h>
#include <stint/runtime/profile.h>
#include <stint/runtime/tensor.h>

/// Declares a kernel on both devices: `STINT_KERNEL(void relu_forward(const Tensor& x, const Tensor& y));`
#define STINT_KERNEL(...) \
  namespace cpu {         \
  __VA_ARGS__;            \
  }                       \
  namespace cuda {        \
  __VA_ARGS__;            \
  }

/// Runs a kernel on a tensor's device, in a profiling range of the given name and `Work`; on the null device only the
/// range is there: `STINT_RUN(name, work, x.device(), relu_forward(x, y));` The call's arguments are evaluated only
/// where a kernel runs, so memory is allocated before, never in them.
#define STINT_RUN(range_name, work, where, ...)                                        \
  do {                                                                                 \
    ProfileRange stint_range(range_name, work, where);                                 \
    if ((where).type == Device::Type::cpu) {                                           \
      cpu::__VA_ARGS__;                                                                \
    } else if ((where).type == Device::Type::cuda) {                                   \
      if constexpr (STINT_WITH_CUDA) {                                                 \
        cuda::__VA_ARGS__;                                                             \
      } else {                                                                         \
        fail(ErrorKind::usage, range_name, "this build of stint has no CUDA support"); \
      }                                                                                \
    }                                                                                  \
  } while (false)

/// The bytes of workspace that a kernel's own function of this name asks for; the null device plans for the CPU:
/// `make_workspace(STINT_WORKSPACE(x.device(), conv2d_workspace(c, pass)), x.device())`
#define STINT_WORKSPACE(where, ...)                                  \
  [&]() -> std::size_t {                                             \
    if ((where).type != Device::Type::cuda) return cpu::__VA_ARGS__; \
    if constexpr (STINT_WITH_CUDA) {                                 \
      cuda_driver::use((where).index);                               \
      return cuda::__VA_ARGS__;                                      \
    }                                                                \
    return 0;                                                        \
  }()

namespace stint {

/// Calls `body(T{})` with T = float or bfloat16. Errors: another dtype.
template <typename Body>
void with_float_type(DType dtype, std::string_view operation, const Body& body) {
  if (dtype == DType::f32) {
    body(float{});
  } else if (dtype == DType::bf16) {
    body(bfloat16{});
  } else {
    fail(ErrorKind::runtime, operation, "expected f32 or bf16, got {}", name_of(dtype));
  }
}

/// For operators of libraries, which would take another dtype for one of these.
inline void require_float(DType dtype, std::string_view operation) {
  with_float_type(dtype, operation, [](auto) {});
}

/// Memory for the duration of an operator, charged to `Purpose::workspace`.
inline Tensor make_workspace(Shape shape, DType dtype, Device device) {
  PurposeScope scope(Purpose::workspace);
  return Tensor(shape, dtype, device);
}

/// The same in bytes; empty for 0 bytes.
inline Tensor make_workspace(std::size_t bytes, Device device) {
  return bytes == 0 ? Tensor() : make_workspace({static_cast<std::int64_t>(bytes)}, DType::u8, device);
}

/// Sum of the bytes of tensors: the traffic of a kernel that reads or writes each once (empty ones not at all).
template <typename... Tensors>
Work traffic(const Tensors&... tensors) {
  return {0, (0.0 + ... + (tensors ? static_cast<double>(tensors.bytes()) : 0.0))};
}

}  // namespace stint
