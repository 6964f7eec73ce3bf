#pragma once

#include <stint/runtime/shape.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stint {

/// One named tensor inside a flat vector.
struct Block {
  std::string name;
  std::int64_t offset;  ///< first element in the flat buffer
  std::int64_t count;
  Shape shape;
  bool decay;          ///< weight decay applies
  float lr_scale = 1;  ///< factor of the learning rate
};

/// Where each tensor lies in a flat buffer. Blocks start at multiples of `alignment` elements; the padding between them
/// is zero and is not part of R^d: `dimension` does not count it, and compressors walk the table.
class BlockTable {
 public:
  static constexpr std::int64_t alignment = 64;

  /// Appends a block. Errors: the name is taken.
  const Block& add(std::string name, Shape shape, bool decay, float lr_scale = 1);

  const std::vector<Block>& blocks() const { return blocks_; }
  const Block& operator[](std::size_t i) const { return blocks_[i]; }
  std::size_t size() const { return blocks_.size(); }

  /// Null if there is no such block.
  const Block* find(std::string_view name) const;

  /// d: the number of elements without padding.
  std::int64_t dimension() const { return dimension_; }
  /// Elements that a flat buffer needs, padding included.
  std::int64_t extent() const { return extent_; }

 private:
  std::vector<Block> blocks_;
  std::int64_t dimension_ = 0;
  std::int64_t extent_ = 0;
};

}  // namespace stint
