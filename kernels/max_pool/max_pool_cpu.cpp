// Max pooling: images in parallel, so that overlapping windows need no atomics. Places are kept in storage order of y,
// `place_bits` each. Backward overwrites (or adds to) dx.

#include <stint/kernels/channels.h>
#include <stint/kernels/max_pool/max_pool_kernels.h>
#include <stint/runtime/parallel.h>

#include <cmath>
#include <cstring>
#include <vector>

namespace stint::cpu {

namespace {

/// Calls body(output element, first row, first column...) for every output position of an image's block.
template <typename Body>
void for_outputs(const ImageMatrix& y, const Body& body) {
  for (std::int64_t block = 0; block < y.blocks; ++block) {
    for (std::int64_t h = 0; h < y.height; ++h) {
      for (std::int64_t w = 0; w < y.width; ++w) body(block, h, w);
    }
  }
}

}  // namespace

void max_pool_forward(const Tensor& x, const Window& window, const Tensor& y, const Tensor& places) {
  ImageMatrix in(x.spec()), out(y.spec());
  int bits = place_bits(window);
  with_float_type(x.dtype(), "max_pool", [&](auto type) {
    using T = decltype(type);
    parallel_for(in.images, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t n = begin; n < end; ++n) {
        std::uint8_t* image_places = nullptr;
        if (places) {
          image_places = places.data<std::uint8_t>() + n * places.shape()[1];
          std::memset(image_places, 0, places.shape()[1]);
        }
        for_outputs(out, [&](std::int64_t block, std::int64_t h, std::int64_t w) {
          const T* source = x.data<T>() + in.offset(n, block);
          std::int64_t first = out.offset(0, block) + (h * out.width + w) * out.channels;
          T* target = y.data<T>() + out.offset(n, 0) + first;
          auto [top, bottom] = window.span(h, in.height);
          auto [left, right] = window.span(w, in.width);
          for (std::int64_t c = 0; c < out.channels; ++c) {
            float best = -INFINITY;
            unsigned place = 0;
            bool found = false;
            for (std::int64_t row = top; row < bottom; ++row) {
              for (std::int64_t column = left; column < right; ++column) {
                float value = source[(row * in.width + column) * in.channels + c];
                if (found && !(value > best) && !(std::isnan(value) && !std::isnan(best))) continue;
                found = true;
                best = value;
                place = static_cast<unsigned>((row - h * window.stride + window.padding) * window.kernel + column -
                                              w * window.stride + window.padding);
              }
            }
            target[c] = best;
            if (image_places) image_places[(first + c) * bits / 8] |= place << ((first + c) * bits % 8);
          }
        });
      }
    });
  });
}

void max_pool_backward(const Tensor& places, const Tensor& dy, const Window& window, const Tensor& dx,
                       bool accumulate) {
  ImageMatrix in(dx.spec()), out(dy.spec());
  int bits = place_bits(window);
  unsigned low_bits = (1u << bits) - 1;
  with_float_type(dy.dtype(), "max_pool", [&](auto type) {
    using T = decltype(type);
    std::int64_t image_size = dx.count() / in.images;
    parallel_for(in.images, 1, [&](std::int64_t begin, std::int64_t end) {
      std::vector<float> sums(image_size);  // overlapping windows add up in float, rounded once
      for (std::int64_t n = begin; n < end; ++n) {
        const std::uint8_t* image_places = places.data<std::uint8_t>() + n * places.shape()[1];
        T* target = dx.data<T>() + n * image_size;
        for (std::int64_t i = 0; i < image_size; ++i) sums[i] = accumulate ? float(target[i]) : 0.0f;
        for_outputs(out, [&](std::int64_t block, std::int64_t h, std::int64_t w) {
          std::int64_t first = out.offset(0, block) + (h * out.width + w) * out.channels;
          const T* source = dy.data<T>() + out.offset(n, 0) + first;
          for (std::int64_t c = 0; c < out.channels; ++c) {
            unsigned place = (image_places[(first + c) * bits / 8] >> ((first + c) * bits % 8)) & low_bits;
            std::int64_t row = h * window.stride - window.padding + place / window.kernel;
            std::int64_t column = w * window.stride - window.padding + place % window.kernel;
            sums[in.offset(0, block) + (row * in.width + column) * in.channels + c] += float(source[c]);
          }
        });
        for (std::int64_t i = 0; i < image_size; ++i) target[i] = sums[i];
      }
    });
  });
}

}  // namespace stint::cpu
