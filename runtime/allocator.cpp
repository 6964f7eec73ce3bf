#include <fmt/format.h>
#include <stint/runtime/allocator.h>
#include <stint/runtime/error.h>

#include <algorithm>
#include <utility>

namespace stint {

namespace {

constexpr std::size_t guard_bytes = Allocator::granule;
constexpr unsigned char guard_value = 0xa5;

std::size_t round_up(std::size_t bytes, std::size_t step) {
  return (bytes + step - 1) / step * step;
}

}  // namespace

std::byte* Allocator::allocate(std::size_t bytes, Purpose purpose) {
  std::lock_guard lock(mutex_);
  std::size_t alive = stats_.requested.total();
  std::size_t most = limit_ == 0 ? arena_->capacity() : std::min(limit_, arena_->capacity());
  if (bytes > most || alive > most - bytes) refuse(bytes, most);

  std::size_t guard = checks_ ? guard_bytes : 0;
  auto block = take(std::max(round_up(bytes, granule), granule) + 2 * guard);
  block->second.requested = bytes;
  block->second.guard = guard;
  block->second.purpose = purpose;
  account(block->second, +1);
  note_peak();
  ++stats_.allocations;

  std::byte* start = arena_->base() + block->first;
  if (checks_) {
    arena_->permit(start, block->second.size);
    arena_->fill(start, guard_value, block->second.size);
    arena_->fill(start + guard, poison, bytes);
  } else {
    arena_->permit(start, bytes);
  }
  return start + guard;
}

void Allocator::release(std::byte* address) {
  std::lock_guard lock(mutex_);
  auto block = find(address);
  if (!guards_intact(block)) ++broken_guards_;
  account(block->second, -1);
  arena_->forbid(arena_->base() + block->first, block->second.size);
  block->second.stream = arena_->stream();
  put_back(block);
}

void Allocator::relabel(std::byte* address, Purpose purpose) {
  std::lock_guard lock(mutex_);
  auto block = find(address);
  account(block->second, -1);
  block->second.purpose = purpose;
  account(block->second, +1);
  note_peak();
}

MemoryStats Allocator::stats() const {
  std::lock_guard lock(mutex_);
  return stats_;
}

void Allocator::reset_peak() {
  std::lock_guard lock(mutex_);
  stats_.peak = stats_.peak_each = stats_.requested;
  stats_.peak_reserved = stats_.reserved;
}

void Allocator::check_guards() {
  std::lock_guard lock(mutex_);
  for (auto block = blocks_.cbegin(); block != blocks_.cend(); ++block) {
    if (!block->second.free && !guards_intact(block)) ++broken_guards_;
  }
  std::size_t broken = std::exchange(broken_guards_, 0);
  require(broken == 0, "allocator", "{} block(s) were written outside their bounds", broken);
}

Allocator::Blocks::iterator Allocator::take(std::size_t size) {
  auto fit = free_.lower_bound({size, 0});
  if (fit == free_.end()) {
    extend(size);
    fit = free_.lower_bound({size, 0});
  }
  auto block = blocks_.find(fit->second);
  free_.erase(fit);
  void* before = block->second.stream;
  block->second.free = false;
  if (block->second.size > size) {  // give the rest back
    auto rest = blocks_.emplace(block->first + size, Block{.size = block->second.size - size, .stream = before}).first;
    free_.insert({rest->second.size, rest->first});
    block->second.size = size;
  }
  if (void* now = arena_->stream(); now != before) arena_->order(before, now);
  return block;
}

void Allocator::extend(std::size_t size) {
  std::size_t tail = 0;  // a free block at the end is grown instead of left behind
  if (!blocks_.empty() && blocks_.rbegin()->second.free) tail = blocks_.rbegin()->second.size;
  std::size_t wanted = round_up(stats_.reserved + size - tail, growth);
  std::size_t before = stats_.reserved;
  if (wanted > arena_->capacity()) refuse(size, arena_->capacity());
  if (!arena_->grow(wanted)) {
    fail(ErrorKind::memory, "allocator", "{} more bytes do not fit: the machine gave {} and refused to give {}", size,
         stats_.reserved, wanted);
  }
  arena_->forbid(arena_->base() + before, wanted - before);
  stats_.reserved = wanted;
  stats_.peak_reserved = std::max(stats_.peak_reserved, wanted);
  put_back(blocks_.emplace(before, Block{.size = wanted - before, .stream = arena_->stream()}).first);
}

void Allocator::put_back(Blocks::iterator block) {
  void* stream = block->second.stream;
  block->second = Block{.size = block->second.size, .stream = stream};
  // A merged block belongs to one stream: that one waits for the other.
  auto join = [&](const Block& neighbour) {
    if (neighbour.stream != stream) arena_->order(neighbour.stream, stream);
  };
  if (auto next = std::next(block); next != blocks_.end() && next->second.free) {
    join(next->second);
    free_.erase({next->second.size, next->first});
    block->second.size += next->second.size;
    blocks_.erase(next);
  }
  if (block != blocks_.begin()) {
    if (auto previous = std::prev(block); previous->second.free) {
      join(previous->second);
      free_.erase({previous->second.size, previous->first});
      previous->second.size += block->second.size;
      previous->second.stream = stream;
      blocks_.erase(block);
      block = previous;
    }
  }
  free_.insert({block->second.size, block->first});
}

Allocator::Blocks::iterator Allocator::find(std::byte* address) {
  for (std::size_t guard : {std::size_t{0}, guard_bytes}) {
    auto block = blocks_.find(static_cast<std::size_t>(address - arena_->base()) - guard);
    if (block != blocks_.end() && !block->second.free && block->second.guard == guard) return block;
  }
  fail(ErrorKind::runtime, "allocator", "this address was not handed out here, or was released before");
}

void Allocator::account(const Block& block, int sign) {
  std::size_t held = block.size - 2 * block.guard;
  stats_.requested[block.purpose] += sign * block.requested;
  stats_.held[block.purpose] += sign * held;
}

void Allocator::note_peak() {
  if (stats_.requested.total() > stats_.peak.total()) stats_.peak = stats_.requested;
  for (int i = 0; i < purpose_count; ++i) {
    stats_.peak_each.bytes[i] = std::max(stats_.peak_each.bytes[i], stats_.requested.bytes[i]);
  }
}

bool Allocator::guards_intact(Blocks::const_iterator block) const {
  const auto& [offset, b] = *block;
  const std::byte* start = arena_->base() + offset;
  std::size_t end = b.guard + b.requested;
  return b.guard == 0 ||
         (arena_->holds(start, guard_value, b.guard) && arena_->holds(start + end, guard_value, b.size - end));
}

void Allocator::refuse(std::size_t bytes, std::size_t most) const {
  fail(ErrorKind::memory, "allocator", "{} more bytes do not fit: {} are in use and {} is the most there can be", bytes,
       stats_.requested.total(), most);
}

Allocator& allocator_of(Device device) {
  static std::mutex mutex;
  // Leaked on purpose: tensors in static variables may be released after every destructor of this file.
  static auto& allocators = *new std::map<std::string, std::unique_ptr<Allocator>>();
  std::lock_guard lock(mutex);
  auto& slot = allocators[device.name()];
  if (!slot) slot = std::make_unique<Allocator>(make_arena(device));
  return *slot;
}

}  // namespace stint
