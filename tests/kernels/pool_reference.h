#pragma once

#include <stint/kernels/window.h>

#include "image_reference.h"

namespace stint::test {

inline Shape pooled(const Shape& x, const Window& window) {
  return {x[0], window.output(x[1]), window.output(x[2]), x[3]};
}

/// y = fold(the values of x [N,H,W,C] inside the window), output by output.
template <typename Fold>
Reference pooling(Shape x, Window window, Fold fold) {
  return [=](const std::vector<Reals>& in) {
    Image image{in[0], x};
    Reals y;
    for_elements(pooled(x, window), [&](std::int64_t n, std::int64_t oh, std::int64_t ow, std::int64_t c) {
      Reals covered;
      for (std::int64_t h = oh * window.stride - window.padding, kh = 0; kh < window.kernel; ++kh, ++h) {
        for (std::int64_t w = ow * window.stride - window.padding, kw = 0; kw < window.kernel; ++kw, ++w) {
          if (image.inside(h, w)) covered.push_back(image.at(n, h, w, c));
        }
      }
      y.push_back(fold(covered));
    });
    return y;
  };
}

constexpr Window halve{.kernel = 2, .stride = 2, .padding = 0};
constexpr Window overlap{.kernel = 3, .stride = 2, .padding = 1};
constexpr Window every_other{.kernel = 1, .stride = 2, .padding = 0};

}  // namespace stint::test
