// ReLU on flat memory, 64 elements at a time, so that a piece of work always covers whole mask bytes.

#include <stint/kernels/bits.h>
#include <stint/kernels/dispatch.h>
#include <stint/runtime/parallel.h>

namespace stint::cpu {

namespace {

constexpr std::int64_t chunk = 64;

template <typename Body>
void for_chunks(std::int64_t count, const Body& body) {
  parallel_for((count + chunk - 1) / chunk, 256, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) body(i * chunk, std::min(chunk, count - i * chunk));
  });
}

}  // namespace

void relu_forward(const Tensor& x, const Tensor& y, const Tensor& mask) {
  std::uint8_t* bits = mask ? mask.data<std::uint8_t>() : nullptr;
  with_float_type(x.dtype(), "relu", [&](auto type) {
    using T = decltype(type);
    const T* source = x.data<T>();
    T* target = y.data<T>();
    for_chunks(x.count(), [&](std::int64_t start, std::int64_t count) {
      float values[chunk];
      for (std::int64_t i = 0; i < count; ++i) values[i] = source[start + i];
      if (bits) pack_positive(values, count, bits + start / 8);
      for (std::int64_t i = 0; i < count; ++i) target[start + i] = values[i] < 0 ? 0.0f : values[i];
    });
  });
}

void relu_backward(const Tensor& mask, const Tensor& dy, const Tensor& dx, bool accumulate) {
  const std::uint8_t* bits = mask.data<std::uint8_t>();
  with_float_type(dy.dtype(), "relu", [&](auto type) {
    using T = decltype(type);
    const T* source = dy.data<T>();
    T* target = dx.data<T>();
    for_chunks(dy.count(), [&](std::int64_t start, std::int64_t count) {
      float values[chunk];
      select_masked(source + start, bits + start / 8, count, values);
      for (std::int64_t i = 0; i < count; ++i) {
        target[start + i] = accumulate ? float(target[start + i]) + values[i] : values[i];
      }
    });
  });
}

}  // namespace stint::cpu
