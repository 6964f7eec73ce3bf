// ReLU on flat memory, sixteen elements at a time; a piece of work always covers whole mask bytes.

#include <stint/kernels/bits.h>
#include <stint/kernels/dispatch.h>
#include <stint/runtime/parallel.h>

namespace stint::cpu {

namespace {

constexpr std::int64_t chunk = 4096;

/// Calls body(start, n) for sixteens, n a constant but for the last.
template <typename Body>
void for_chunks(std::int64_t count, const Body& body) {
  parallel_for((count + chunk - 1) / chunk, 4, [&](std::int64_t begin, std::int64_t end) {
    begin *= chunk;
    for_lanes(std::min(end * chunk, count) - begin, [&](std::int64_t i, auto n) { body(begin + i, n); });
  });
}

}  // namespace

void relu_forward(const Tensor& x, const Tensor& y, const Tensor& mask) {
  std::uint8_t* bits = mask ? mask.data<std::uint8_t>() : nullptr;
  with_float_type(x.dtype(), "relu", [&](auto type) {
    using T = decltype(type);
    const T* source = x.data<T>();
    T* target = y.data<T>();
    for_chunks(x.count(), [&](std::int64_t i, auto n) {
      Lanes values;
      load(values, source + i, n);
      if (bits) store_bits(positive_bits(values), bits + i / 8, n);
      store(values < 0.0f ? Lanes{} : values, target + i, n);
    });
  });
}

void relu_backward(const Tensor& mask, const Tensor& dy, const Tensor& dx, bool accumulate) {
  const std::uint8_t* bits = mask.data<std::uint8_t>();
  with_float_type(dy.dtype(), "relu", [&](auto type) {
    using T = decltype(type);
    const T* source = dy.data<T>();
    T* target = dx.data<T>();
    for_chunks(dy.count(), [&](std::int64_t i, auto n) {
      Lanes values;
      load(values, source + i, n);
      keep_bits(values, load_bits(bits + i / 8, n));
      store(values, target + i, n, accumulate);
    });
  });
}

}  // namespace stint::cpu
