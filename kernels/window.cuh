#pragma once

#include <stint/kernels/window.h>
#include <stint/kernels/cuda.cuh>

namespace stint::cuda {

/// A stretch [begin, end) of rows or columns.
struct Span {
  int begin, end;
};

/// Images [N,height,width,channels] in, [N,out_height,out_width,channels] out, under a sliding window.
struct Sliding {
  int height, width, channels, out_height, out_width, kernel, stride, padding;

  Sliding(const Shape& x, const Shape& y, const Window& window)
      : height(static_cast<int>(x[1])),
        width(static_cast<int>(x[2])),
        channels(static_cast<int>(x[3])),
        out_height(static_cast<int>(y[1])),
        out_width(static_cast<int>(y[2])),
        kernel(window.kernel),
        stride(window.stride),
        padding(window.padding) {}

  /// The rows (or columns) inside an image of `size` that output row `out` covers.
  __device__ Span under(int out, int size) const {
    int begin = out * stride - padding;
    return {begin > 0 ? begin : 0, begin + kernel < size ? begin + kernel : size};
  }

  /// The output rows, of `size`, whose windows cover input row `in`.
  __device__ Span over(int in, int size) const {
    int first = in + padding - kernel + 1;
    int begin = first > 0 ? (first + stride - 1) / stride : 0;
    int end = (in + padding) / stride + 1;
    return {begin, end < size ? end : size};
  }

  /// The number, in its window, of the place of input row `in` and column `column` under output `(out, out_column)`.
  __device__ int place(int in, int column, int out, int out_column) const {
    return (in + padding - out * stride) * kernel + column + padding - out_column * stride;
  }
};

}  // namespace stint::cuda
