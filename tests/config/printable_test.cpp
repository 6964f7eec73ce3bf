#include <stint/tools/config/printable.h>

#include <catch2/catch.hpp>

using namespace stint;

TEST_CASE("what is printable stays as it is") {
  for (const char* text : {"", "abc ~", "é", "图", "\U0001f600", "'\"\\"}) {
    CHECK(is_printable(text));
    CHECK(printable(text) == text);
  }
}

TEST_CASE("control characters and broken UTF-8 are spelled out") {
  CHECK(printable("a\nb\x1b[31m\x7f") == "a\\x0ab\\x1b[31m\\x7f");
  CHECK(printable(std::string_view("\0", 1)) == "\\x00");
  CHECK(printable("\xc2\x85") == "\\xc2\\x85");                    // next line, a C1 control
  CHECK(printable("\xe2\x82") == "\\xe2\\x82");                    // cut short
  CHECK(printable("\xc0\xaf") == "\\xc0\\xaf");                    // overlong
  CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");           // a surrogate
  CHECK(printable("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");  // past U+10FFFF
  CHECK(printable("\xff\xfe") == "\\xff\\xfe");
  CHECK_FALSE(is_printable("\xef\xbb\xbf"));
}

TEST_CASE("long texts are cut between characters") {
  CHECK(printable("abcdef", 3) == "abc...");
  CHECK(printable("abc", 3) == "abc");
  CHECK(printable("éé", 3) == "éé");
}
