// One token of every image. Backward writes zeros everywhere else, unless it accumulates.

#include <stint/kernels/dispatch.h>

#include <cstring>

namespace stint::cpu {

void select_token_forward(const Tensor& x, std::int64_t index, const Tensor& y) {
  std::size_t token = y.shape()[1] * size_of(y.dtype());
  for (std::int64_t n = 0; n < y.shape()[0]; ++n) {
    std::memcpy(y.raw() + n * token, x.raw() + (n * x.shape()[1] + index) * token, token);
  }
}

void select_token_backward(const Tensor& dy, std::int64_t index, const Tensor& dx, bool accumulate) {
  std::int64_t tokens = dx.shape()[1], channels = dx.shape()[2];
  if (!accumulate) dx.zero();
  with_float_type(dy.dtype(), "select_token", [&](auto type) {
    using T = decltype(type);
    for (std::int64_t n = 0; n < dy.shape()[0]; ++n) {
      const T* d = dy.data<T>() + n * channels;
      T* out = dx.data<T>() + (n * tokens + index) * channels;
      for (std::int64_t c = 0; c < channels; ++c) out[c] = float(out[c]) + float(d[c]);
    }
  });
}

}  // namespace stint::cpu
