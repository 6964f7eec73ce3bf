#include <stint/runtime/tensor.h>

#include <catch2/catch.hpp>
#include <limits>

using namespace stint;

TEST_CASE("views share memory, copies do not", "[runtime]") {
  Tensor x = tensor_of<float>({2, 3}, std::vector<float>{0, 1, 2, 3, 4, 5});
  x.reshaped({3, 2}).slice(4, 2).data<float>()[0] = 9;
  CHECK(x.data<float>()[4] == 9);
  Tensor copy = x.copy_to(Device::cpu());
  copy.data<float>()[0] = 7;
  CHECK(x.data<float>()[0] == 0);
  CHECK(copy.data<float>()[4] == 9);
  Tensor tail = x.slice(3, 3).slice(1, 2);
  CHECK(tail.offset() == 16);
  CHECK(tail.data<float>()[0] == 9);
  x = Tensor();
  CHECK(tail.data<float>()[1] == 5);  // a view keeps the storage
}

TEST_CASE("views that do not fit are errors that name both sides", "[runtime]") {
  Tensor x({2, 3}, DType::f32);
  CHECK_THROWS_WITH(x.reshaped({7}), Catch::Contains("reshape: [7] has 7 elements, but [2,3] has 6"));
  CHECK_THROWS_WITH(x.slice(5, 2), Catch::Contains("slice: 2 elements from 5 on are not inside 6 elements"));
  CHECK_THROWS_AS(x.slice(-1, 2), Error);
  CHECK_THROWS_AS(x.slice(0, -1), Error);
  constexpr std::int64_t huge = std::numeric_limits<std::int64_t>::max();
  CHECK_THROWS_AS(x.slice(huge, 1), Error);
  CHECK_THROWS_AS(x.slice(1, huge), Error);
  CHECK(x.slice(6, 0).count() == 0);
  Tensor blocked(TensorSpec{{1, 1, 1, 16}, DType::f32, Device::cpu(), Packing::c16});
  CHECK_THROWS_AS(blocked.reshaped({16}), Error);
  CHECK_THROWS_AS(blocked.slice(0, 16), Error);
}

TEST_CASE("elements are read as what they are, and copied to their like", "[runtime]") {
  Tensor x({2, 3}, DType::f32);
  CHECK_THROWS_WITH(x.data<std::int32_t>(), Catch::Contains("expected i32 elements, got f32"));
  CHECK_THROWS_AS(x.copy_from(Tensor({5}, DType::f32)), Error);
  CHECK_THROWS_AS(x.copy_from(Tensor({6}, DType::bf16)), Error);
  CHECK_THROWS_AS(tensor_of<float>({2}, std::vector<float>{1}), Error);
  CHECK(scalar_of(scalar_tensor(3, Device::cpu())) == 3);
  CHECK_THROWS_AS(scalar_of(x), Error);
}

TEST_CASE("a tensor on the null device has a shape and a price, and no elements", "[runtime]") {
  Allocator& allocator = allocator_of(Device::null());
  std::size_t before = allocator.stats().requested.total();
  {
    Tensor x({1 << 20, 1 << 10}, DType::f32, Device::null());  // 4 GiB that nobody has to have
    CHECK(allocator.stats().requested.total() - before == std::size_t{1} << 32);
    CHECK_NOTHROW(x.zero());
    CHECK_NOTHROW(x.slice(0, 5).copy_to(Device::cpu()));
    CHECK(scalar_of(scalar_tensor(3, Device::null())) == 0);
  }
  CHECK(allocator.stats().requested.total() == before);
}

TEST_CASE("shapes count, print, and refuse what cannot be", "[runtime]") {
  CHECK(Shape({2, 3}).text() == "[2,3]");
  CHECK(Shape().count() == 1);
  CHECK(Shape({2, 0}).count() == 0);
  CHECK(Shape({2, 3, 4})[-1] == 4);
  CHECK_THROWS_WITH(Shape({-1}), Catch::Contains("shape: expected dimensions of at least 0, got -1"));
  CHECK_THROWS_AS(Shape({1, 1, 1, 1, 1, 1}), Error);
  CHECK_THROWS_WITH(Shape({std::int64_t{1} << 40, std::int64_t{1} << 40}), Catch::Contains("is above 2^60"));
  CHECK_THROWS_AS(Shape({(std::int64_t{1} << 60) + 1}), Error);
}

TEST_CASE("memory belongs to the purpose of its scope, thread by thread", "[runtime]") {
  PurposeScope outer(Purpose::parameter);
  {
    PurposeScope inner(Purpose::gradient);
    CHECK(Tensor({1}, DType::f32).storage()->purpose() == Purpose::gradient);
  }
  Tensor x({1}, DType::f32);
  CHECK(x.storage()->purpose() == Purpose::parameter);
  auto in_use = [] { return allocator_of(Device::cpu()).stats().requested; };
  PurposeBytes before = in_use();
  x.storage()->set_purpose(Purpose::saved);
  CHECK(in_use()[Purpose::saved] == before[Purpose::saved] + 4);
  CHECK(in_use().total() == before.total());
}
