#pragma once

#include <stint/runtime/tensor.h>

#include <algorithm>
#include <string_view>

namespace stint {

/// A square window that slides over H and W: convolution and pooling.
struct Window {
  int kernel = 1;
  int stride = 1;
  int padding = 0;

  std::int64_t output(std::int64_t input) const { return (input + 2 * padding - kernel) / stride + 1; }

  /// Errors: not [N,H,W,C], empty, or a window larger than the padded image.
  void check(std::string_view name, const Shape& x) const {
    require(x.rank() == 4 && x.count() > 0, name, "expected a non-empty [N,H,W,C], got {}", x);
    require(kernel >= 1 && stride >= 1 && padding >= 0, name,
            "expected kernel, stride >= 1 and padding >= 0, got {} {} {}", kernel, stride, padding);
    require(std::min(x[1], x[2]) + 2 * padding >= kernel, name, "a window of {} does not fit {} with padding {}",
            kernel, x, padding);
  }

  /// The rows (or columns) of the input that output row `out` covers, as [begin, end) inside the image.
  std::pair<std::int64_t, std::int64_t> span(std::int64_t out, std::int64_t size) const {
    std::int64_t begin = out * stride - padding;
    return {std::max<std::int64_t>(begin, 0), std::min(begin + kernel, size)};
  }
};

}  // namespace stint
