#include <stint/kernels/reorder/reorder.h>

#include <catch2/catch.hpp>

#include "../op_case_tensors.h"

using namespace stint;
using namespace stint::test;

TEST_CASE("reorder goes to blocks of 16 channels and back", "[op]") {
  for (DType dtype : dtypes) {
    Tensor x = to_tensor(random_reals(2 * 3 * 2 * 32, 5), {{2, 3, 2, 32}, dtype});
    Tensor blocked = packed(x, Packing::c16);
    CHECK(same_bits(plain(blocked), x));
    CHECK_FALSE(same_bits(blocked, x));
    CHECK(plain(x).raw() == x.raw());
    CHECK(packed(blocked, Packing::c16).raw() == blocked.raw());
  }
}

TEST_CASE("a blocked element lies where the layout N,C/16,H,W,16 says", "[op]") {
  Tensor x = to_tensor(random_reals(2 * 3 * 2 * 32, 5), {{2, 3, 2, 32}});
  Tensor blocked = packed(x, Packing::c16);
  std::int64_t n = 1, h = 2, w = 1, c = 17;
  CHECK(blocked.data<float>()[(((n * 2 + c / 16) * 3 + h) * 2 + w) * 16 + c % 16] ==
        x.data<float>()[((n * 3 + h) * 2 + w) * 32 + c]);
}

TEST_CASE("only images with a multiple of 16 channels can be blocked", "[op]") {
  CHECK(can_pack({1, 2, 2, 16}));
  for (Shape shape : {Shape{1, 2, 2, 8}, Shape{1, 2, 2, 0}, Shape{2, 16}}) {
    CHECK_FALSE(can_pack(shape));
    CHECK_THROWS_WITH(packed(Tensor(shape, DType::f32), Packing::c16), Catch::Contains("multiple of 16"));
  }
}
