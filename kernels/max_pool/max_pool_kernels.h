#pragma once

#include <stint/kernels/dispatch.h>
#include <stint/kernels/window.h>

namespace stint {

/// Bits that name a place in a window: 1, 2, 4 or 8, so that a byte holds whole places.
inline int place_bits(const Window& window) {
  int places = window.kernel * window.kernel;
  return places <= 2 ? 1 : places <= 4 ? 2 : places <= 16 ? 4 : 8;
}

/// Bytes of the places of one image of an output [N,H,W,C]; images start at whole bytes.
inline std::int64_t place_bytes(const Window& window, const Shape& y) {
  return (y.count() / y[0] * place_bits(window) + 7) / 8;
}

STINT_KERNEL(void max_pool_forward(const Tensor& x, const Window& window, const Tensor& y, const Tensor& places))
STINT_KERNEL(void max_pool_backward(const Tensor& places, const Tensor& dy, const Window& window, const Tensor& dx,
                                    bool accumulate))

}  // namespace stint
