#include <stint/tools/cli/error_text.h>

#include <catch2/catch.hpp>

using namespace stint;

TEST_CASE("an error text is at most three lines") {
  CHECK(error_text("conv2d: wrong") == "stint: conv2d: wrong\n");
  CHECK(error_text("a\nb\nc") == "stint: a\nb\nc\n");
  CHECK(error_text("a\nb\nc\n") == "stint: a\nb\nc\n");
  CHECK(error_text("a\nb\nc\nd\ne") == "stint: a\nb\nc ...\n");
  CHECK(error_text("") == "stint: \n");
}

TEST_CASE("an error text has nothing that a terminal would obey") {
  CHECK(error_text("\x1b[2J\r") == "stint: \\x1b[2J\\x0d\n");
}
