#include <stint/runtime/block_table.h>
#include <stint/runtime/error.h>

#include <algorithm>

namespace stint {

const Block& BlockTable::add(std::string name, Shape shape, bool decay, float lr_scale) {
  require(find(name) == nullptr, "block table", "there are two tensors named '{}'", name);
  std::int64_t count = shape.count();
  blocks_.push_back({std::move(name), extent_, count, shape, decay, lr_scale});
  dimension_ += count;
  extent_ += (count + alignment - 1) / alignment * alignment;
  return blocks_.back();
}

const Block* BlockTable::find(std::string_view name) const {
  auto found = std::find_if(blocks_.begin(), blocks_.end(), [&](const Block& block) { return block.name == name; });
  return found == blocks_.end() ? nullptr : &*found;
}

}  // namespace stint
