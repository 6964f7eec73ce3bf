#pragma once

#include "../op_case.h"

namespace stint::test {

/// Reads element (n,h,w,c) of an image tensor [N,H,W,C]; 0 outside of the image.
struct Image {
  const Reals& values;
  Shape shape;

  double at(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c) const {
    if (h < 0 || w < 0 || h >= shape[1] || w >= shape[2]) return 0;
    return values[((n * shape[1] + h) * shape[2] + w) * shape[3] + c];
  }
  bool inside(std::int64_t h, std::int64_t w) const { return h >= 0 && w >= 0 && h < shape[1] && w < shape[2]; }
};

/// Calls body(n, oh, ow, channel) for every element of an output [N,OH,OW,C] in order.
template <typename Body>
void for_elements(const Shape& y, const Body& body) {
  for (std::int64_t n = 0; n < y[0]; ++n) {
    for (std::int64_t h = 0; h < y[1]; ++h) {
      for (std::int64_t w = 0; w < y[2]; ++w) {
        for (std::int64_t c = 0; c < y[3]; ++c) body(n, h, w, c);
      }
    }
  }
}

}  // namespace stint::test
