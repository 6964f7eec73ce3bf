#include <stint/runtime/arena.h>
#include <stint/runtime/cuda_driver.h>
#include <stint/runtime/error.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <limits>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#endif

namespace stint {

namespace {

/// What a container may have; its limit stands in a file, "max" where there is none.
std::size_t container_limit() {
  std::size_t limit = std::numeric_limits<std::size_t>::max();
  for (const char* file : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::size_t bytes = 0;
    if (std::ifstream(file) >> bytes) limit = std::min(limit, bytes);
  }
  return limit;
}

/// Three quarters of the addresses that the process may have: code, threads and files need some, too.
std::size_t address_limit() {
  rlimit limit{};
  bool limited = getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  return limited ? limit.rlim_cur / 4 * 3 : std::numeric_limits<std::size_t>::max();
}

/// Bytes, of whole pages.
std::size_t memory_of_machine() {
  auto page = static_cast<std::size_t>(sysconf(_SC_PAGE_SIZE));
  std::size_t all = static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) * page;
  return std::min({all, container_limit(), address_limit()}) / page * page;
}

class CpuArena : public Arena {
 public:
  CpuArena() : capacity_(memory_of_machine()) {
    // Reserved without access, so that it does not count as committed; `grow` opens it piece by piece.
    void* range = mmap(nullptr, capacity_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (range == MAP_FAILED) {
      fail(ErrorKind::memory, "allocator", "cannot reserve {} bytes of addresses: {}", capacity_, std::strerror(errno));
    }
    madvise(range, capacity_, MADV_HUGEPAGE);  // fewer page faults; a refusal costs only speed
    base_ = static_cast<std::byte*>(range);
  }
  ~CpuArena() override {
    permit(base_, open_);
    munmap(base_, capacity_);
  }

  std::byte* base() const override { return base_; }
  std::size_t capacity() const override { return capacity_; }

  bool grow(std::size_t bytes) override {
    if (mprotect(base_ + open_, bytes - open_, PROT_READ | PROT_WRITE) != 0) return false;
    open_ = bytes;
    return true;
  }

  void permit(std::byte* address, std::size_t bytes) override { ASAN_UNPOISON_MEMORY_REGION(address, bytes); }
  void forbid(std::byte* address, std::size_t bytes) override { ASAN_POISON_MEMORY_REGION(address, bytes); }
  void fill(std::byte* address, unsigned char value, std::size_t bytes) override { std::memset(address, value, bytes); }

  bool holds(const std::byte* address, unsigned char value, std::size_t bytes) const override {
    return std::all_of(address, address + bytes, [value](std::byte b) { return b == std::byte{value}; });
  }

 private:
  std::byte* base_ = nullptr;
  std::size_t capacity_;
  std::size_t open_ = 0;
};

class NullArena : public Arena {
 public:
  // Not a mapped address: touching it by mistake is a fault and not a silent success.
  std::byte* base() const override { return reinterpret_cast<std::byte*>(std::uintptr_t{1} << 60); }
  std::size_t capacity() const override { return std::size_t{1} << 50; }
  bool grow(std::size_t) override { return true; }
  void permit(std::byte*, std::size_t) override {}
  void forbid(std::byte*, std::size_t) override {}
  void fill(std::byte*, unsigned char, std::size_t) override {}
  bool holds(const std::byte*, unsigned char, std::size_t) const override { return true; }
};

}  // namespace

std::unique_ptr<Arena> make_arena(Device device) {
  switch (device.type) {
    case Device::Type::cpu:
      return std::make_unique<CpuArena>();
    case Device::Type::null:
      return std::make_unique<NullArena>();
    case Device::Type::cuda:
      return cuda_driver::make_arena(device.index);
  }
  fail(ErrorKind::usage, "device", "{} has no memory", device.name());
}

}  // namespace stint
