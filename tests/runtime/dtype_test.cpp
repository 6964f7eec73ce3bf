#include <stint/runtime/dtype.h>
#include <stint/runtime/philox.h>

#include <catch2/catch.hpp>
#include <cmath>

using namespace stint;

TEST_CASE("bfloat16 rounds to nearest even and keeps what is special", "[runtime]") {
  CHECK(bfloat16(1.0f).bits == 0x3f80);
  CHECK(bfloat16(1.00390625f).bits == 0x3f80);  // halfway, down to even
  CHECK(bfloat16(1.01171875f).bits == 0x3f82);  // halfway, up to even
  CHECK(bfloat16(1.0039064f).bits == 0x3f81);   // just above halfway
  CHECK(std::isinf(float(bfloat16(3.4e38f))));  // above the largest bfloat16
  CHECK(float(bfloat16(-INFINITY)) == -INFINITY);
  CHECK(std::signbit(float(bfloat16(-0.0f))));
}

TEST_CASE("every NaN stays a NaN in bfloat16, whatever its payload", "[runtime]") {
  for (std::uint32_t word : {0x7f800001u, 0x7fc00000u, 0x7fffffffu, 0xff800001u, 0xffffffffu}) {
    CHECK(std::isnan(float(bfloat16(std::bit_cast<float>(word)))));
  }
}

TEST_CASE("bfloat16 is the closest of its neighbours, and every bfloat16 survives a round trip", "[runtime]") {
  RandomSequence random{4, 4};
  for (int i = 0; i < 20000; ++i) {
    float value = std::ldexp(random.normal(i), static_cast<int>(random.below(i, 60)) - 30);
    bfloat16 rounded = value, above = rounded, below = rounded;
    ++above.bits;
    --below.bits;
    double error = std::abs(double(float(rounded)) - value);
    REQUIRE(error <= std::abs(double(float(above)) - value));
    REQUIRE(error <= std::abs(double(float(below)) - value));
    REQUIRE(bfloat16(float(rounded)).bits == rounded.bits);
  }
}

TEST_CASE("dtypes know their size, name and element type", "[runtime]") {
  CHECK(size_of(DType::f32) == 4);
  CHECK(size_of(DType::bf16) == sizeof(bfloat16));
  CHECK(size_of(DType::i32) == 4);
  CHECK(size_of(DType::u8) == 1);
  CHECK(size_of(DType::i64) == 8);
  CHECK(name_of(DType::bf16) == "bf16");
  CHECK(name_of(DType::u8) == "u8");
  CHECK(dtype_of<bfloat16>() == DType::bf16);
}
