#pragma once

#include <stint/runtime/device.h>

#include <cstddef>
#include <memory>

namespace stint {

/// One contiguous range of addresses that grows at its end: where an allocator gets its memory. One range means that
/// free neighbours always merge, whenever they were first used.
class Arena {
 public:
  virtual ~Arena() = default;

  /// Address of the first byte. Fixed for the arena's life.
  virtual std::byte* base() const = 0;

  /// Most bytes that the range can have.
  virtual std::size_t capacity() const = 0;

  /// Makes [0, bytes) usable; false if the machine refuses. Only ever called with growing figures up to `capacity()`.
  virtual bool grow(std::size_t bytes) = 0;

  /// Tells AddressSanitizer, where it is built in, that these bytes may (or may not) be touched.
  virtual void permit(std::byte* address, std::size_t bytes) = 0;
  virtual void forbid(std::byte* address, std::size_t bytes) = 0;

  /// Sets `bytes` bytes at `address` to `value`.
  virtual void fill(std::byte* address, unsigned char value, std::size_t bytes) = 0;

  /// True if the `bytes` bytes at `address` all equal `value`.
  virtual bool holds(const std::byte* address, unsigned char value, std::size_t bytes) const = 0;

  /// The stream on which the calling thread's work on this memory goes; null where there is only one.
  virtual void* stream() const { return nullptr; }
  /// Work on stream `after` from now on waits for what stream `before` has been given so far.
  virtual void order(void* before, void* after) { static_cast<void>(before), static_cast<void>(after); }
};

/// CPU and CUDA: a reserved range of virtual memory as large as the device's memory. Null: addresses without memory
/// behind.
std::unique_ptr<Arena> make_arena(Device device);

}  // namespace stint
