#include <stint/runtime/philox.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <set>

using namespace stint;

TEST_CASE("philox gives the published words", "[runtime]") {
  // philox4x32-10 in kat_vectors of Random123, the code of the paper
  using Words = std::array<std::uint32_t, 4>;
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  constexpr std::uint32_t f = 0xffffffff;
  CHECK(philox({f, f, f, f}, {f, f}) == Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a random sequence is uniform from 0 to below 1, in mean and in every eighth", "[runtime]") {
  RandomSequence random{1, 2};
  constexpr int n = 200000;
  double sum = 0;
  float least = 1, most = 0;
  std::array<int, 8> counts{};
  for (int i = 0; i < n; ++i) {
    float u = random.uniform(i);
    sum += u;
    least = std::min(least, u);
    most = std::max(most, u);
    ++counts.at(static_cast<std::size_t>(u * 8));  // throws for u >= 1
  }
  CHECK(least >= 0);
  CHECK(most < 1);
  CHECK(RandomSequence::to_uniform(0xffffffff) < 1);
  CHECK(sum / n == Approx(0.5).margin(0.003));
  for (int count : counts) CHECK(count == Approx(n / 8.0).epsilon(0.03));
}

TEST_CASE("normal numbers have the moments of their distribution, and neighbours are independent", "[runtime]") {
  RandomSequence random{1, 2};
  constexpr int n = 200000;
  double mean = 0, square = 0, fourth = 0, neighbours = 0;
  for (int i = 0; i < n; ++i) {
    double x = random.normal(i);
    mean += x / n;
    square += x * x / n;
    fourth += std::pow(x, 4) / n;
    neighbours += x * random.normal(i + 1) / n;
  }
  CHECK(mean == Approx(0).margin(0.01));
  CHECK(square == Approx(1).margin(0.02));
  CHECK(fourth == Approx(3).margin(0.1));
  CHECK(neighbours == Approx(0).margin(0.01));
}

TEST_CASE("integers below a bound are even, and the bound is never reached", "[runtime]") {
  RandomSequence random{1, 2};
  std::array<int, 7> counts{};
  for (int i = 0; i < 70000; ++i) ++counts.at(random.below(i, 7));
  for (int count : counts) CHECK(count == Approx(10000).epsilon(0.05));
  CHECK(random.below(5, 1) == 0);
  CHECK(random.below(5, ~std::uint64_t{0}) < ~std::uint64_t{0});
}

TEST_CASE("sequences of a seed, seeds of a number and far elements all differ", "[runtime]") {
  std::set<std::uint32_t> words;
  for (std::uint64_t seed : {0ull, 1ull, 1ull << 40}) {
    for (std::uint64_t number : {0ull, 1ull, 1ull << 40}) {
      for (std::uint64_t i : {0ull, 1ull, 1ull << 40}) words.insert(RandomSequence{seed, number}.word(i));
    }
  }
  CHECK(words.size() == 27);
}

TEST_CASE("a random state is two integers and hands out sequences in order", "[runtime]") {
  RandomState state{9, 4};
  RandomSequence first = state.take();
  CHECK(first.seed == 9);
  CHECK(first.number == 4);
  CHECK(state.next == 5);
  RandomState resumed{9, 4};
  CHECK(resumed.take().words(3) == first.words(3));
}
