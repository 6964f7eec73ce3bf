#include <stint/runtime/parallel.h>

#include <atomic>
#include <catch2/catch.hpp>

using namespace stint;

TEST_CASE("parallel_for covers everything once, whatever the number of threads", "[runtime]") {
  int before = thread_count();
  for (int threads : {1, 2, 3}) {
    set_thread_count(threads);
    CHECK(thread_count() == threads);
    for (std::int64_t count : {0, 1, 7, 1000}) {
      std::vector<std::atomic<int>> seen(count);
      parallel_for(count, 3, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) ++seen[i];
      });
      CHECK(std::all_of(seen.begin(), seen.end(), [](auto& n) { return n == 1; }));
    }
  }
  set_thread_count(before);
}

TEST_CASE("what a piece throws is thrown when all have ended", "[runtime]") {
  int before = thread_count();
  for (int threads : {1, 3}) {
    set_thread_count(threads);
    CHECK_THROWS_AS(parallel_for(3, 1, [](std::int64_t, std::int64_t) { throw std::bad_alloc(); }), std::bad_alloc);
  }
  set_thread_count(before);
}

TEST_CASE("parallel_for makes at most one piece a thread, and no more than there would be of its grain", "[runtime]") {
  int before = thread_count();
  set_thread_count(3);
  auto pieces = [](std::int64_t count, std::int64_t grain) {
    std::atomic<int> calls = 0;
    parallel_for(count, grain, [&](std::int64_t, std::int64_t) { ++calls; });
    return calls.load();
  };
  CHECK(pieces(0, 10) == 0);
  CHECK(pieces(10, 10) == 1);
  CHECK(pieces(11, 10) == 2);
  CHECK(pieces(1000, 10) == 3);
  set_thread_count(before);
}
