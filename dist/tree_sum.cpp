#include <stint/dist/tree_sum.h>
#include <stint/kernels/dispatch.h>
#include <stint/kernels/vector/vector.h>
#include <stint/runtime/parallel.h>

#include <array>
#include <bit>

namespace stint::dist {

namespace {

constexpr std::int64_t chunk = 1024;  // elements that a tree is climbed for at once: they stay in the cache

/// The left subtree has the largest power of two of leaves that leaves something to the right one.
std::size_t left_leaves(std::size_t leaves) {
  return std::bit_floor(leaves - 1);
}

template <typename T, typename Sum>
void climb(const std::vector<const T*>& pieces, std::size_t first, std::size_t leaves, std::int64_t begin,
           std::int64_t count, Sum* out) {
  if (leaves == 1) {
    for (std::int64_t i = 0; i < count; ++i) out[i] = static_cast<Sum>(pieces[first][begin + i]);
    return;
  }
  std::size_t left = left_leaves(leaves);
  std::array<Sum, chunk> right;
  climb(pieces, first, left, begin, count, out);
  climb(pieces, first + left, leaves - left, begin, count, right.data());
  for (std::int64_t i = 0; i < count; ++i) out[i] += right[i];
}

template <typename T, typename Sum>
void sum_on_cpu(const std::vector<Tensor>& pieces, const Tensor& out, Sum factor) {
  std::vector<const T*> sources;
  for (const Tensor& piece : pieces) sources.push_back(piece.data<T>());
  T* target = out.data<T>();
  parallel_for(out.count(), 16 * chunk, [&](std::int64_t begin, std::int64_t end) {
    std::array<Sum, chunk> sum;
    for (std::int64_t at = begin; at < end; at += chunk) {
      std::int64_t count = std::min(chunk, end - at);
      climb(sources, 0, sources.size(), at, count, sum.data());
      for (std::int64_t i = 0; i < count; ++i) target[at + i] = static_cast<T>(factor * sum[i]);
    }
  });
}

/// The same tree, a level at a time.
void sum_on_device(const std::vector<Tensor>& pieces, const Tensor& out, float factor) {
  std::vector<Tensor> sums;
  for (const Tensor& piece : pieces) {
    sums.push_back(piece);
    if (piece.dtype() == DType::f32) continue;
    sums.back() = make_workspace(piece.shape(), DType::f32, piece.device());
    add_to(piece, sums.back(), false);
  }
  for (std::size_t step = 1; step < sums.size(); step *= 2) {
    for (std::size_t i = 0; i + step < sums.size(); i += 2 * step) add_to(sums[i + step], sums[i], true);
  }
  if (factor != 1) scale(factor, sums[0]);
  if (sums[0].raw() != out.raw()) add_to(sums[0], out, false);
}

}  // namespace

void tree_sum(const std::vector<Tensor>& pieces, const Tensor& out, float factor) {
  for (const Tensor& piece : pieces) {
    require(piece.count() == out.count() && piece.dtype() == out.dtype(), "tree_sum", "expected {} {}, got {} {}",
            out.count(), name_of(out.dtype()), piece.count(), name_of(piece.dtype()));
  }
  if (out.device().type == Device::Type::cuda) return sum_on_device(pieces, out, factor);
  if (out.device().type == Device::Type::null) return;
  if (out.dtype() == DType::i32) {
    require(factor == 1, "tree_sum", "expected floats to take the mean of, got i32");
    return sum_on_cpu<std::int32_t, std::int32_t>(pieces, out, 1);
  }
  with_float_type(out.dtype(), "tree_sum", [&](auto type) { sum_on_cpu<decltype(type), float>(pieces, out, factor); });
}

}  // namespace stint::dist
