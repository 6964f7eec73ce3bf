#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <numeric>
#include <span>
#include <string>

namespace stint {

/// Up to five dimensions, outermost first. Activations are [N,H,W,C]; convolution weights are [O,KH,KW,I].
class Shape {
 public:
  static constexpr int max_rank = 5;
  static constexpr std::int64_t most_elements = std::int64_t{1} << 60;  ///< so that their bytes can be counted, too

  Shape() = default;
  Shape(std::initializer_list<std::int64_t> dims) : Shape(std::span(dims.begin(), dims.size())) {}
  explicit Shape(std::span<const std::int64_t> dims);

  int rank() const { return rank_; }
  std::int64_t operator[](int axis) const { return dims_[axis < 0 ? axis + rank_ : axis]; }
  std::span<const std::int64_t> dims() const { return {dims_.data(), static_cast<std::size_t>(rank_)}; }

  /// Number of elements; 1 for a rank of 0.
  std::int64_t count() const {
    return std::accumulate(dims().begin(), dims().end(), std::int64_t{1}, std::multiplies{});
  }

  /// As `[2,3,4]`.
  std::string text() const;

  bool operator==(const Shape&) const = default;

 private:
  std::array<std::int64_t, max_rank> dims_{};
  int rank_ = 0;
};

}  // namespace stint

/// As `text()`: so an error's text is made when there is an error, and not in every call that checks for it.
template <>
struct fmt::formatter<stint::Shape> {
  constexpr auto parse(format_parse_context& context) { return context.begin(); }
  auto format(const stint::Shape& shape, format_context& context) const {
    std::string text = shape.text();
    return std::copy(text.begin(), text.end(), context.out());
  }
};
