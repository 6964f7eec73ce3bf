// Signs to bits and back: one pass, memory-bound. The inner loops go over the 32 elements of a word with bit arithmetic
// alone, which compilers turn into vector code.

#include <stint/kernels/dispatch.h>
#include <stint/kernels/lanes.h>
#include <stint/kernels/sign_codes/sign_codes.h>
#include <stint/runtime/parallel.h>

#include <bit>

namespace stint::cpu {

namespace {

constexpr std::int64_t grain = 512;  // words

std::uint32_t word_of(const float* x, std::int64_t count) {
  std::uint32_t word = 0;
  for (std::int64_t bit = 0; bit < count; ++bit) word |= std::uint32_t{x[bit] < 0} << bit;
  return word;
}

/// +-scale by the bit: the bit becomes the float's sign.
float signed_scale(std::uint32_t word, std::int64_t bit, std::uint32_t scale) {
  return std::bit_cast<float>(scale ^ ((word >> bit) << 31));
}

}  // namespace

void pack_signs(const Tensor& x, const Tensor& codes) {
  const float* values = x.data<float>();
  auto* words = reinterpret_cast<std::uint32_t*>(codes.data<std::int32_t>());
  std::int64_t whole = x.count() / sign_bits;
  parallel_for(whole, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t w = begin; w < end; ++w) words[w] = word_of(values + w * sign_bits, sign_bits);
  });
  if (whole < codes.count()) words[whole] = word_of(values + whole * sign_bits, x.count() - whole * sign_bits);
}

void unpack_signs(const Tensor& codes, float scale, const Tensor& y, bool accumulate) {
  const auto* words = reinterpret_cast<const std::uint32_t*>(codes.data<std::int32_t>());
  float* values = y.data<float>();
  auto bits = std::bit_cast<std::uint32_t>(scale);
  parallel_for(codes.count(), grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t w = begin; w < end; ++w) {
      float* out = values + w * sign_bits;
      std::int64_t count = std::min(sign_bits, y.count() - w * sign_bits);
      for (std::int64_t bit = 0; bit < count; ++bit) {
        out[bit] = (accumulate ? out[bit] : 0.0f) + signed_scale(words[w], bit, bits);
      }
    }
  });
}

void l1_of_chunks(const Tensor& x, std::int64_t chunk, const Tensor& sums) {
  const float* values = x.data<float>();
  float* out = sums.data<float>();
  parallel_for(sums.count(), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t c = begin; c < end; ++c) {
      std::int64_t first = c * chunk;
      WideLanes sizes[2]{};
      for_wide_lanes(values + first, std::min(x.count() - first, chunk),
                     [&](auto half, const WideLanes& v) { sizes[half] += v < 0 ? -v : v; });
      out[c] = static_cast<float>(sum_of_halves(sizes));
    }
  });
}

}  // namespace stint::cpu
