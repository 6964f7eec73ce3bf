#pragma once

#include <stint/kernels/op.h>

namespace stint {

/// Average pooling to a fixed size, as PyTorch's AdaptiveAvgPool2d: output row i of `height` is the mean of the input
/// rows [floor(i*H/height), ceil((i+1)*H/height)), columns alike; bins may overlap, and repeat where H < height.
/// x: [N,H,W,C]; y: [N,height,width,C], in x's packing. Saves nothing.
struct AdaptivePool {
  static constexpr std::string_view name = "adaptive_pool";
  std::int64_t height = 1;
  std::int64_t width = 1;

  Tensor forward(Saver& saver, const Tensor& x) const;
  void backward(const Saved& saved, const Tensor& dy, const Grad& dx) const;
};

}  // namespace stint
