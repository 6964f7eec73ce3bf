#include <stint/runtime/block_table.h>
#include <stint/runtime/error.h>

#include <catch2/catch.hpp>

using namespace stint;

TEST_CASE("a block table aligns blocks and counts them without the padding", "[runtime]") {
  BlockTable table;
  CHECK(table.extent() == 0);
  table.add("a", {5, 13}, true);
  table.add("b", {1}, false);
  table.add("c", {64}, true);
  CHECK(table[0].offset == 0);
  CHECK(table[1].offset == 128);
  CHECK(table[2].offset == 192);
  CHECK(table.dimension() == 65 + 1 + 64);
  CHECK(table.extent() == 256);
}

TEST_CASE("a block table finds names, and refuses one that is taken", "[runtime]") {
  BlockTable table;
  table.add("a", {5, 13}, true);
  REQUIRE(table.find("a") != nullptr);
  CHECK(table.find("a")->shape == Shape{5, 13});
  CHECK(table.find("a")->count == 65);
  CHECK(table.find("c") == nullptr);
  CHECK_THROWS_WITH(table.add("a", {1}, true), Catch::Contains("two tensors named 'a'"));
  CHECK(table.size() == 1);
}
