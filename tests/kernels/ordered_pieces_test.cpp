#include <stint/kernels/ordered_pieces.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <thread>
#include <vector>

using namespace stint;

TEST_CASE("pieces know the sum over those before them, whoever is faster", "[op]") {
  int before = thread_count();
  for (int threads : {1, 2, 5}) {
    set_thread_count(threads);
    for (std::int64_t count : {0, 1, 2, 100}) {
      std::vector<std::int64_t> sums(static_cast<std::size_t>(count), -1);
      OrderedPieces<std::int64_t> pieces(count);
      pieces.run([&](std::int64_t piece) {
        if (piece % 7 == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));  // the others go on
        sums[static_cast<std::size_t>(piece)] = pieces.before(piece, piece * piece);
      });
      std::int64_t sum = 0;
      for (std::int64_t piece = 0; piece < count; ++piece) {
        CHECK(sums[static_cast<std::size_t>(piece)] == sum);
        sum += piece * piece;
      }
      CHECK(pieces.total() == sum);
    }
  }
  set_thread_count(before);
}
