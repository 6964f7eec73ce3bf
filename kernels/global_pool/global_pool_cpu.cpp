// Global average pooling: one pass over x, images in parallel; backward spreads dy / (H*W).

#include <stint/kernels/channels.h>
#include <stint/kernels/dispatch.h>
#include <stint/runtime/parallel.h>

#include <vector>

namespace stint::cpu {

void global_pool_forward(const Tensor& x, const Tensor& y) {
  ImageMatrix in(x.spec());
  std::int64_t pixels = in.height * in.width;
  with_float_type(x.dtype(), "global_pool", [&](auto type) {
    using T = decltype(type);
    parallel_for(in.images * in.blocks, 1, [&](std::int64_t begin, std::int64_t end) {
      std::vector<float> sums(in.channels);
      for (std::int64_t i = begin; i < end; ++i) {  // y [N,C] and blocks lie in the same order
        const T* source = x.data<T>() + i * pixels * in.channels;
        std::fill(sums.begin(), sums.end(), 0.0f);
        for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
          for (std::int64_t c = 0; c < in.channels; ++c) sums[c] += float(source[pixel * in.channels + c]);
        }
        for (std::int64_t c = 0; c < in.channels; ++c) {
          y.data<T>()[i * in.channels + c] = sums[c] / static_cast<float>(pixels);
        }
      }
    });
  });
}

void global_pool_backward(const Tensor& dy, const Tensor& dx, bool accumulate) {
  ImageMatrix in(dx.spec());
  std::int64_t pixels = in.height * in.width;
  with_float_type(dy.dtype(), "global_pool", [&](auto type) {
    using T = decltype(type);
    parallel_for(in.images * in.blocks, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const T* source = dy.data<T>() + i * in.channels;
        T* target = dx.data<T>() + i * pixels * in.channels;
        for (std::int64_t pixel = 0; pixel < pixels; ++pixel, target += in.channels) {
          for (std::int64_t c = 0; c < in.channels; ++c) {
            float value = float(source[c]) / static_cast<float>(pixels);
            target[c] = accumulate ? float(target[c]) + value : value;
          }
        }
      }
    });
  });
}

}  // namespace stint::cpu
