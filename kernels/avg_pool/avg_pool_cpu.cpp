// Average pooling: images in parallel; backward adds each window's share in float and writes dx once.

#include <stint/kernels/channels.h>
#include <stint/kernels/dispatch.h>
#include <stint/kernels/window.h>
#include <stint/runtime/parallel.h>

#include <algorithm>
#include <vector>

namespace stint::cpu {

namespace {

/// Calls body(y element, x element) for the first channel of every pair of an output and an input position under it, of
/// one image, both as offsets from the image's start.
template <typename Body>
void for_pairs(const ImageMatrix& in, const ImageMatrix& out, const Window& window, const Body& body) {
  for (std::int64_t block = 0; block < out.blocks; ++block) {
    for (std::int64_t h = 0; h < out.height; ++h) {
      auto [top, bottom] = window.span(h, in.height);
      for (std::int64_t w = 0; w < out.width; ++w) {
        auto [left, right] = window.span(w, in.width);
        std::int64_t y = out.offset(0, block) + (h * out.width + w) * out.channels;
        for (std::int64_t row = top; row < bottom; ++row) {
          for (std::int64_t column = left; column < right; ++column) {
            body(y, in.offset(0, block) + (row * in.width + column) * in.channels);
          }
        }
      }
    }
  }
}

}  // namespace

void avg_pool_forward(const Tensor& x, const Window& window, const Tensor& y) {
  ImageMatrix in(x.spec()), out(y.spec());
  float share = 1.0f / static_cast<float>(window.kernel * window.kernel);
  with_float_type(x.dtype(), "avg_pool", [&](auto type) {
    using T = decltype(type);
    std::int64_t x_size = x.count() / in.images, y_size = y.count() / in.images;
    parallel_for(in.images, 1, [&](std::int64_t begin, std::int64_t end) {
      std::vector<float> sums(y_size);
      for (std::int64_t n = begin; n < end; ++n) {
        const T* source = x.data<T>() + n * x_size;
        std::fill(sums.begin(), sums.end(), 0.0f);
        for_pairs(in, out, window, [&](std::int64_t to, std::int64_t from) {
          for (std::int64_t c = 0; c < out.channels; ++c) sums[to + c] += float(source[from + c]);
        });
        for (std::int64_t i = 0; i < y_size; ++i) y.data<T>()[n * y_size + i] = sums[i] * share;
      }
    });
  });
}

void avg_pool_backward(const Tensor& dy, const Window& window, const Tensor& dx, bool accumulate) {
  ImageMatrix in(dx.spec()), out(dy.spec());
  float share = 1.0f / static_cast<float>(window.kernel * window.kernel);
  with_float_type(dy.dtype(), "avg_pool", [&](auto type) {
    using T = decltype(type);
    std::int64_t x_size = dx.count() / in.images, y_size = dy.count() / in.images;
    parallel_for(in.images, 1, [&](std::int64_t begin, std::int64_t end) {
      std::vector<float> sums(x_size);
      for (std::int64_t n = begin; n < end; ++n) {
        const T* source = dy.data<T>() + n * y_size;
        T* target = dx.data<T>() + n * x_size;
        for (std::int64_t i = 0; i < x_size; ++i) sums[i] = accumulate ? float(target[i]) : 0.0f;
        for_pairs(in, out, window, [&](std::int64_t from, std::int64_t to) {
          for (std::int64_t c = 0; c < out.channels; ++c) sums[to + c] += float(source[from + c]) * share;
        });
        for (std::int64_t i = 0; i < x_size; ++i) target[i] = sums[i];
      }
    });
  });
}

}  // namespace stint::cpu
