// Class token and positions: tokens are rows; one pass each way. The sum over images goes image by image, for pieces of
// the positions in parallel.

#include <stint/kernels/dispatch.h>
#include <stint/kernels/float_block.h>
#include <stint/runtime/parallel.h>

#include <vector>

namespace stint::cpu {

void embed_tokens_forward(const Tensor& x, const Tensor& class_token, const Tensor& position, const Tensor& y) {
  std::int64_t tokens = y.shape()[1], channels = y.shape()[2];
  const float *first = class_token.data<float>(), *place = position.data<float>();
  with_float_type(x.dtype(), "embed_tokens", [&](auto type) {
    using T = decltype(type);
    parallel_for(y.shape()[0] * tokens, 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        std::int64_t n = row / tokens, t = row % tokens;
        const T* patch = x.data<T>() + (row - n - 1) * channels;  // where t > 0
        T* out = y.data<T>() + row * channels;
        const float* p = place + t * channels;
        for (std::int64_t c = 0; c < channels; ++c) out[c] = (t == 0 ? first[c] : float(patch[c])) + p[c];
      }
    });
  });
}

void embed_tokens_sum(const Tensor& dy, const Tensor& dposition) {
  std::int64_t images = dy.shape()[0], values = dposition.count();
  float* sum = dposition.data<float>();
  with_float_type(dy.dtype(), "embed_tokens", [&](auto type) {
    using T = decltype(type);
    parallel_for(values, 1024, [&](std::int64_t begin, std::int64_t end) {
      std::fill(sum + begin, sum + end, 0.0f);
      for (std::int64_t n = 0; n < images; ++n) {
        const T* d = dy.data<T>() + n * values;
        for (std::int64_t i = begin; i < end; ++i) sum[i] += float(d[i]);
      }
    });
  });
}

void embed_tokens_backward(const Tensor& dy, const Tensor& dx, bool accumulate) {
  std::int64_t channels = dy.shape()[2], patches = dx.shape()[1] * channels;
  with_float_type(dy.dtype(), "embed_tokens", [&](auto type) {
    using T = decltype(type);
    parallel_for(dy.shape()[0], 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t n = begin; n < end; ++n) {
        const T* d = dy.data<T>() + n * (patches + channels) + channels;
        T* out = dx.data<T>() + n * patches;
        for (std::int64_t i = 0; i < patches; ++i) out[i] = accumulate ? float(out[i]) + float(d[i]) : float(d[i]);
      }
    });
  });
}

}  // namespace stint::cpu
