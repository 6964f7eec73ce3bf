#include <stint/runtime/allocator.h>
#include <stint/runtime/error.h>
#include <stint/runtime/philox.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <thread>

using namespace stint;

namespace {

std::unique_ptr<Allocator> make(Device device = Device::cpu()) {
  return std::make_unique<Allocator>(make_arena(device));
}

}  // namespace

TEST_CASE("purposes sum to the total, requested and held, at every moment", "[allocator]") {
  auto allocator = make();
  std::byte* a = allocator->allocate(100, Purpose::parameter);
  std::byte* b = allocator->allocate(1000, Purpose::saved);
  std::byte* c = allocator->allocate(0, Purpose::other);
  MemoryStats stats = allocator->stats();
  CHECK(stats.requested.total() == 1100);
  CHECK(stats.requested[Purpose::parameter] == 100);
  CHECK(stats.held.total() == 256 + 1024 + 256);
  CHECK(stats.reserved == Allocator::growth);
  allocator->relabel(b, Purpose::other);
  stats = allocator->stats();
  CHECK(stats.requested[Purpose::saved] == 0);
  CHECK(stats.requested[Purpose::other] == 1000);
  CHECK(stats.requested.total() == 1100);
  for (std::byte* p : {a, b, c}) allocator->release(p);
  stats = allocator->stats();
  CHECK(stats.requested.total() == 0);
  CHECK(stats.held.total() == 0);
  CHECK(stats.peak.total() == 1100);
  CHECK(stats.peak[Purpose::parameter] == 100);
}

TEST_CASE("the peak is attributed to the purposes of its moment", "[allocator]") {
  auto allocator = make();
  std::byte* a = allocator->allocate(500, Purpose::saved);
  std::byte* b = allocator->allocate(300, Purpose::workspace);
  allocator->release(a);
  std::byte* c = allocator->allocate(400, Purpose::gradient);
  MemoryStats stats = allocator->stats();
  CHECK(stats.peak.total() == 800);
  CHECK(stats.peak[Purpose::saved] == 500);
  CHECK(stats.peak[Purpose::gradient] == 0);
  CHECK(stats.peak_each[Purpose::gradient] == 400);
  allocator->reset_peak();
  CHECK(allocator->stats().peak.total() == 700);
  allocator->release(b);
  allocator->release(c);
}

TEST_CASE("released memory is reused and neighbours merge", "[allocator]") {
  auto allocator = make();
  std::byte* a = allocator->allocate(1 << 20, Purpose::other);
  std::byte* b = allocator->allocate(1 << 20, Purpose::other);
  std::byte* c = allocator->allocate(1 << 20, Purpose::other);
  std::size_t reserved = allocator->stats().reserved;
  allocator->release(a);
  allocator->release(c);
  allocator->release(b);
  CHECK(allocator->allocate(3 << 20, Purpose::other) == a);
  CHECK(allocator->stats().reserved == reserved);
}

TEST_CASE("the tightest free block is taken", "[allocator]") {
  auto allocator = make();
  std::byte* large = allocator->allocate(4096, Purpose::other);
  allocator->allocate(1, Purpose::other);
  std::byte* small = allocator->allocate(1024, Purpose::other);
  allocator->allocate(1, Purpose::other);
  allocator->release(large);
  allocator->release(small);
  CHECK(allocator->allocate(900, Purpose::other) == small);
}

TEST_CASE("a limit and an absurd size are errors of kind memory that change nothing", "[allocator]") {
  auto allocator = make();
  allocator->set_limit(1000);
  allocator->allocate(600, Purpose::other);
  for (std::size_t bytes : {std::size_t{401}, ~std::size_t{0}, std::size_t{1} << 60}) {
    try {
      allocator->allocate(bytes, Purpose::other);
      FAIL("it fitted");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::memory);
      CHECK_THAT(error.what(), Catch::Contains("600 are in use"));
    }
  }
  CHECK(allocator->stats().requested.total() == 600);
  CHECK_NOTHROW(allocator->allocate(400, Purpose::other));
}

TEST_CASE("releasing twice or elsewhere is an error", "[allocator]") {
  auto allocator = make();
  std::byte* a = allocator->allocate(10, Purpose::other);
  allocator->release(a);
  CHECK_THROWS_AS(allocator->release(a), Error);
  CHECK_THROWS_AS(allocator->relabel(a, Purpose::saved), Error);
}

TEST_CASE("checks poison new memory and notice a write outside of it", "[allocator]") {
  auto allocator = make();
  allocator->set_checks(true);
  std::byte* a = allocator->allocate(100, Purpose::other);
  float value;
  std::memcpy(&value, a, sizeof value);
  CHECK(value != value);
  CHECK_NOTHROW(allocator->check_guards());
  std::byte before = a[100];
  a[100] = std::byte{0};
  CHECK_THROWS_WITH(allocator->check_guards(), Catch::Contains("1 block(s)"));
  a[100] = before;
  a[-1] = std::byte{0};
  allocator->release(a);  // noticed even when the block is gone
  CHECK_THROWS_AS(allocator->check_guards(), Error);
  CHECK_NOTHROW(allocator->check_guards());
}

TEST_CASE("blocks are aligned and apart, also those of no bytes", "[allocator]") {
  auto allocator = make();
  std::vector<std::byte*> blocks;
  for (std::size_t bytes : {0, 1, 255, 256, 257, 0}) blocks.push_back(allocator->allocate(bytes, Purpose::other));
  for (std::byte* block : blocks) {
    CHECK(reinterpret_cast<std::uintptr_t>(block) % Allocator::granule == 0);
    CHECK(std::count(blocks.begin(), blocks.end(), block) == 1);
  }
}

TEST_CASE("the arena grows in steps, by no more than is missing", "[allocator]") {
  auto allocator = make();
  std::byte* a = allocator->allocate(Allocator::growth / 2, Purpose::other);
  CHECK(allocator->stats().reserved == Allocator::growth);
  std::byte* b = allocator->allocate(Allocator::growth, Purpose::other);  // half of it is there already
  CHECK(allocator->stats().reserved == 2 * Allocator::growth);
  allocator->release(a);
  allocator->release(b);
  CHECK(allocator->stats().reserved == 2 * Allocator::growth);
  CHECK(allocator->stats().peak_reserved == 2 * Allocator::growth);
  CHECK(allocator->stats().allocations == 2);
}

TEST_CASE("blocks taken under checks may be released after them, and the other way round", "[allocator]") {
  auto allocator = make();
  std::byte* plain = allocator->allocate(100, Purpose::other);
  allocator->set_checks(true);
  std::byte* guarded = allocator->allocate(100, Purpose::other);
  CHECK(allocator->stats().held.total() == 2 * Allocator::granule);  // guards are not part of it
  allocator->release(plain);
  allocator->set_checks(false);
  allocator->release(guarded);
  CHECK_NOTHROW(allocator->check_guards());
  CHECK(allocator->stats().held.total() == 0);
}

TEST_CASE("threads may allocate and release at the same time", "[allocator]") {
  auto allocator = make();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i) {
        std::byte* block = allocator->allocate(1 + (i * 37) % 5000, static_cast<Purpose>(t));
        *block = std::byte(t);
        allocator->relabel(block, Purpose::other);
        if (*block == std::byte(t)) allocator->release(block);  // a block that two threads had would stay
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(allocator->stats().requested.total() == 0);
  CHECK(allocator->stats().held.total() == 0);
  CHECK(allocator->stats().allocations == 8000);
}

TEST_CASE("the null device accounts for any sequence of calls exactly as the CPU does, at the same places",
          "[allocator]") {
  auto cpu = make(), null = make(Device::null());
  std::byte* cpu_base = cpu->allocate(1, Purpose::other);
  std::byte* null_base = null->allocate(1, Purpose::other);
  std::vector<std::pair<std::byte*, std::byte*>> alive;
  RandomSequence random{1, 1};
  for (int i = 0; i < 3000; ++i) {
    if (!alive.empty() && random.below(3 * i, 5) < 2) {
      std::size_t which = random.below(3 * i + 1, alive.size());
      cpu->release(alive[which].first);
      null->release(alive[which].second);
      alive.erase(alive.begin() + static_cast<std::ptrdiff_t>(which));
    } else {
      std::size_t bytes = random.below(3 * i + 1, 1 << (4 + i % 12));
      auto purpose = static_cast<Purpose>(i % purpose_count);
      alive.push_back({cpu->allocate(bytes, purpose), null->allocate(bytes, purpose)});
      REQUIRE(alive.back().first - cpu_base == alive.back().second - null_base);
    }
  }
  MemoryStats a = cpu->stats(), b = null->stats();
  CHECK(a.requested == b.requested);
  CHECK(a.held == b.held);
  CHECK(a.reserved == b.reserved);
  CHECK(a.peak == b.peak);
  CHECK(a.peak_each == b.peak_each);
  CHECK(a.peak_reserved == b.peak_reserved);
  CHECK(a.allocations == b.allocations);
}
