#pragma once

#include <stint/kernels/conv2d/conv2d_kernels.h>

#include <vector>

/// Convolution as its definition says, in float, on channels-last host memory: the CPU backend of builds without oneDNN
/// (STINT_ONEDNN=OFF), and what stands in for cuDNN where CUDA kernels run on the CPU. Slow.
namespace stint::plain {

/// Calls body(x pixel, weight position, y pixel) for every position of an input under every output: offsets in pixels,
/// to be multiplied by the numbers of channels.
template <typename Body>
void for_taps(const ConvCase& c, const Body& body) {
  const Shape &x = c.x.shape, &y = c.y.shape;
  std::int64_t k = c.window.kernel, y_pixel = 0;
  for (std::int64_t n = 0; n < y[0]; ++n) {
    for (std::int64_t h = 0; h < y[1]; ++h) {
      for (std::int64_t w = 0; w < y[2]; ++w, ++y_pixel) {
        auto [top, bottom] = c.window.span(h, x[1]);
        auto [left, right] = c.window.span(w, x[2]);
        for (std::int64_t row = top; row < bottom; ++row) {
          for (std::int64_t column = left; column < right; ++column) {
            std::int64_t tap =
                (row - h * c.window.stride + c.window.padding) * k + column - w * c.window.stride + c.window.padding;
            body((n * x[1] + row) * x[2] + column, tap, y_pixel);
          }
        }
      }
    }
  }
}

/// One pass: reads two of x, weight [O,K,K,I] and y, and overwrites the third (or adds to it). T: of x and y; W: of
/// the weight, or of its gradient.
template <typename T, typename W>
void convolve(const ConvCase& c, ConvPass pass, T* x, W* weight, T* y, bool accumulate) {
  std::int64_t in = c.x.shape[3], out = c.y.shape[3], taps = std::int64_t{c.window.kernel} * c.window.kernel;
  std::int64_t made = pass == ConvPass::forward         ? c.y.shape.count()
                      : pass == ConvPass::backward_data ? c.x.shape.count()
                                                        : c.weight().count();
  std::vector<float> sums(made);
  for_taps(c, [&](std::int64_t x_pixel, std::int64_t tap, std::int64_t y_pixel) {
    for (std::int64_t o = 0; o < out; ++o) {
      for (std::int64_t i = 0; i < in; ++i) {
        std::int64_t at_x = x_pixel * in + i, at_y = y_pixel * out + o, at_w = (o * taps + tap) * in + i;
        if (pass == ConvPass::forward) sums[at_y] += float(x[at_x]) * float(weight[at_w]);
        if (pass == ConvPass::backward_data) sums[at_x] += float(y[at_y]) * float(weight[at_w]);
        if (pass == ConvPass::backward_weights) sums[at_w] += float(y[at_y]) * float(x[at_x]);
      }
    }
  });
  auto store = [&](auto* target) {
    for (std::int64_t i = 0; i < made; ++i) target[i] = accumulate ? float(target[i]) + sums[i] : sums[i];
  };
  if (pass == ConvPass::forward) store(y);
  if (pass == ConvPass::backward_data) store(x);
  if (pass == ConvPass::backward_weights) store(weight);
}

}  // namespace stint::plain
