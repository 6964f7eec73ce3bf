// Selection by radix: floats without their sign order as integers do, so three histograms of 11, 11 and 9 bits, each
// over the elements that share the higher bits of the k-th, find its magnitude exactly; one more pass takes what lies
// above it and, from the front, as many as are missing of what equals it.

#include <stint/kernels/dispatch.h>
#include <stint/kernels/top_k/top_k.h>

#include <array>
#include <bit>

namespace stint::cpu {

namespace {

std::uint32_t magnitude(float value) {
  return std::bit_cast<std::uint32_t>(value) & 0x7fffffffu;
}

struct Threshold {
  std::uint32_t magnitude;  // of the k-th
  std::int64_t equal;       // how many of that magnitude are taken
};

Threshold find_threshold(const float* x, std::int64_t count, std::int64_t k) {
  std::uint32_t high = 0;  // the bits of the k-th that are known
  int known = 31;          // bits below those
  std::int64_t wanted = k;
  for (int width : {11, 11, 9}) {
    std::array<std::int64_t, 2048> histogram{};
    int shift = known - width;
    for (std::int64_t i = 0; i < count; ++i) {
      std::uint32_t m = magnitude(x[i]);
      histogram[(m >> shift) & ((1u << width) - 1)] += (m >> known) == (high >> known);
    }
    std::uint32_t digit = (1u << width) - 1;
    while (histogram[digit] < wanted) wanted -= histogram[digit--];
    high |= digit << shift;
    known = shift;
  }
  return {high, wanted};
}

}  // namespace

std::size_t top_k_workspace(std::int64_t) {
  return 0;
}

void top_k(const Tensor& x, const Tensor& values, const Tensor& places, const Tensor&) {
  const float* source = x.data<float>();
  std::int64_t k = values.count(), taken = 0;
  if (k == 0) return;
  Threshold threshold = find_threshold(source, x.count(), k);
  for (std::int64_t i = 0; i < x.count() && taken < k; ++i) {
    std::uint32_t m = magnitude(source[i]);
    bool take = m > threshold.magnitude || (m == threshold.magnitude && threshold.equal-- > 0);
    if (!take) continue;
    values.data<float>()[taken] = source[i];
    places.data<std::int32_t>()[taken++] = static_cast<std::int32_t>(i);
  }
}

void scatter_add(const Tensor& values, const Tensor& places, float factor, const Tensor& y) {
  const float* source = values.data<float>();
  const std::int32_t* place = places.data<std::int32_t>();
  float* target = y.data<float>();
  for (std::int64_t i = 0; i < values.count(); ++i) target[place[i]] += factor * source[i];
}

}  // namespace stint::cpu
