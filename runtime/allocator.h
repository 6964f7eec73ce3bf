#pragma once

#include <stint/runtime/arena.h>
#include <stint/runtime/device.h>
#include <stint/runtime/purpose.h>

#include <cstddef>
#include <map>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <set>

namespace stint {

/// Exact figures of one allocator, in bytes.
struct MemoryStats {
  PurposeBytes requested;    ///< asked for by what is alive now
  PurposeBytes held;         ///< the same, each rounded up to the allocator's granule
  std::size_t reserved = 0;  ///< taken from the machine: held + free for reuse
  PurposeBytes peak;         ///< `requested` at the moment its total was largest
  PurposeBytes peak_each;    ///< per purpose: its own largest `requested`, each at its own moment
  std::size_t peak_reserved = 0;
  std::size_t allocations = 0;  ///< number of calls of `allocate` so far
};

/// Caching allocator of one device: best fit over one arena, free neighbours merge, memory is never given back.
/// Its decisions depend on the sequence of calls alone, so the same program asks for the same memory every time, and
/// the null device predicts the CPU to the byte. Memory is reused in the order of streams, without waiting: a block
/// that was released on one stream and is handed out on another makes the second wait for the first. Thread-safe.
class Allocator {
 public:
  static constexpr std::size_t granule = 256;         ///< every block starts and ends at a multiple of this
  static constexpr std::size_t growth = 2 * 1048576;  ///< the arena grows in steps of this

  explicit Allocator(std::unique_ptr<Arena> arena) : arena_(std::move(arena)) {}

  /// Returns `bytes` bytes aligned to `granule`. Errors: does not fit the limit or the machine (ErrorKind::memory).
  std::byte* allocate(std::size_t bytes, Purpose purpose);
  void release(std::byte* address);

  /// Moves a live block to another purpose.
  void relabel(std::byte* address, Purpose purpose);

  MemoryStats stats() const;
  /// Peaks start again from what is alive now.
  void reset_peak();

  /// Most bytes that may be requested at once; 0 for no limit.
  void set_limit(std::size_t bytes) { limit_ = bytes; }

  /// For tests. While on, new memory is filled with `poison` (a NaN in every float format) and stands between guard
  /// bytes; `check_guards` throws if any guard, of a live or a released block, was overwritten.
  void set_checks(bool on) { checks_ = on; }
  void check_guards();

  static constexpr unsigned char poison = 0xff;

 private:
  struct Block {
    std::size_t size = 0;       // whole extent, guards included
    std::size_t requested = 0;  // 0 while free
    std::size_t guard = 0;      // bytes before (and after) the part handed out
    Purpose purpose = Purpose::other;
    bool free = true;
    void* stream = nullptr;  // on which the last owner used it
  };
  using Blocks = std::pmr::map<std::size_t, Block>;  // by offset in the arena

  Blocks::iterator take(std::size_t size);
  void extend(std::size_t size);
  void put_back(Blocks::iterator block);
  Blocks::iterator find(std::byte* address);
  void account(const Block& block, int sign);
  void note_peak();
  bool guards_intact(Blocks::const_iterator block) const;
  [[noreturn]] void refuse(std::size_t bytes, std::size_t most) const;

  std::unique_ptr<Arena> arena_;
  mutable std::mutex mutex_;
  std::pmr::unsynchronized_pool_resource nodes_;  // of the two below, which come and go with every tensor
  Blocks blocks_{&nodes_};
  std::pmr::set<std::pair<std::size_t, std::size_t>> free_{&nodes_};  // (size, offset)
  MemoryStats stats_;
  std::size_t limit_ = 0;
  bool checks_ = false;
  std::size_t broken_guards_ = 0;
};

/// The allocator of a device; made on first use, lives as long as the program.
Allocator& allocator_of(Device device);

}  // namespace stint
