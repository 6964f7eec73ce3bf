#include <fmt/format.h>
#include <stint/runtime/error.h>
#include <stint/runtime/shape.h>

#include <algorithm>

namespace stint {

Shape::Shape(std::span<const std::int64_t> dims) : rank_(static_cast<int>(dims.size())) {
  require(dims.size() <= max_rank, "shape", "expected at most {} dimensions, got {}", max_rank, dims.size());
  std::int64_t total = 1;
  for (std::int64_t dim : dims) {
    require(dim >= 0, "shape", "expected dimensions of at least 0, got {}", dim);
    bool fits = !__builtin_mul_overflow(total, dim, &total) && total <= most_elements;
    require(fits, "shape", "the number of elements is above 2^60");
  }
  std::copy(dims.begin(), dims.end(), dims_.begin());
}

std::string Shape::text() const {
  return fmt::format("[{}]", fmt::join(dims(), ","));
}

}  // namespace stint
