#pragma once

#include <stint/kernels/op.h>
#include <stint/kernels/window.h>

namespace stint {

/// y = maximum of each window of x [N,H,W,C], padding never chosen (padding <= kernel / 2). NaN wins.
/// Saves the place of the maximum in its window (the first of equals) in the fewest of 1, 2, 4 or 8 bits an output.
struct MaxPool {
  static constexpr std::string_view name = "max_pool";
  static constexpr int largest_kernel = 16;
  Window window;

  Tensor forward(Saver& saver, const Tensor& x) const;
  void backward(const Saved& saved, const Tensor& dy, const Grad& dx) const;
};

}  // namespace stint
