// Adaptive average pooling, image by image (and block by block of 16 channels where packed). Forward gathers each bin;
// backward gathers, for every input pixel, from the bins it is in, so each element is written once and may accumulate.

#include <stint/kernels/adaptive_pool/adaptive_bins.h>
#include <stint/kernels/channels.h>
#include <stint/kernels/dispatch.h>
#include <stint/kernels/float_block.h>
#include <stint/runtime/parallel.h>

#include <vector>

namespace stint::cpu {

namespace {

/// Calls body(image block, row, column, sums [channels]) for every pixel of `m`, and stores the sums afterwards.
template <typename T, typename Body>
void for_pixels(const ImageMatrix& m, T* out, bool accumulate, const Body& body) {
  parallel_for(m.images * m.blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> sums(m.channels);
    for (std::int64_t block = begin; block < end; ++block) {
      for (std::int64_t pixel = 0; pixel < m.height * m.width; ++pixel) {
        std::fill(sums.begin(), sums.end(), 0.0f);
        body(block, pixel / m.width, pixel % m.width, sums.data());
        store_floats(sums.data(), m.channels, out + (block * m.height * m.width + pixel) * m.channels, accumulate);
      }
    }
  });
}

}  // namespace

void adaptive_pool_forward(const Tensor& x, const Tensor& y) {
  ImageMatrix in(x.spec()), out(y.spec());
  with_float_type(x.dtype(), "adaptive_pool", [&](auto type) {
    using T = decltype(type);
    for_pixels(out, y.data<T>(), false, [&](std::int64_t block, std::int64_t i, std::int64_t j, float* sums) {
      AdaptiveBin rows(i, in.height, out.height), columns(j, in.width, out.width);
      for (std::int64_t h = rows.begin; h < rows.end; ++h) {
        for (std::int64_t w = columns.begin; w < columns.end; ++w) {
          const T* pixel = x.data<T>() + ((block * in.height + h) * in.width + w) * in.channels;
          for (std::int64_t c = 0; c < in.channels; ++c) sums[c] += float(pixel[c]);
        }
      }
      float share = 1 / static_cast<float>(rows.size() * columns.size());
      for (std::int64_t c = 0; c < in.channels; ++c) sums[c] *= share;
    });
  });
}

void adaptive_pool_backward(const Tensor& dy, const Tensor& dx, bool accumulate) {
  ImageMatrix in(dx.spec()), out(dy.spec());
  with_float_type(dy.dtype(), "adaptive_pool", [&](auto type) {
    using T = decltype(type);
    for_pixels(in, dx.data<T>(), accumulate, [&](std::int64_t block, std::int64_t h, std::int64_t w, float* sums) {
      AdaptiveBin rows(h, out.height, in.height), columns(w, out.width, in.width);
      for (std::int64_t i = rows.begin; i < rows.end; ++i) {
        for (std::int64_t j = columns.begin; j < columns.end; ++j) {
          AdaptiveBin up(i, in.height, out.height), left(j, in.width, out.width);
          float share = 1 / static_cast<float>(up.size() * left.size());
          const T* pixel = dy.data<T>() + ((block * out.height + i) * out.width + j) * in.channels;
          for (std::int64_t c = 0; c < in.channels; ++c) sums[c] += share * float(pixel[c]);
        }
      }
    });
  });
}

}  // namespace stint::cpu
