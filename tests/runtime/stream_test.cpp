#include <stint/runtime/error.h>
#include <stint/runtime/stream.h>

#include <catch2/catch.hpp>
#include <thread>

using namespace stint;

TEST_CASE("the current stream belongs to the thread, the device and the scope", "[runtime]") {
  Stream one = Stream::make(Device::cpu()), two = Stream::make(Device::cpu());
  REQUIRE(one.native() != two.native());
  {
    StreamScope scope(one);
    CHECK(Stream::current(Device::cpu()).native() == one.native());
    CHECK(Stream::current(Device::null()).native() == nullptr);
    {
      StreamScope inner(two);
      CHECK(Stream::current(Device::cpu()).native() == two.native());
    }
    CHECK(Stream::current(Device::cpu()).native() == one.native());
    void* elsewhere = one.native();
    std::thread([&] { elsewhere = Stream::current(Device::cpu()).native(); }).join();
    CHECK(elsewhere == nullptr);
  }
  CHECK(Stream::current(Device::cpu()).native() == nullptr);
}

TEST_CASE("events measure the time between them, and must have been recorded", "[runtime]") {
  Stream stream = Stream::current(Device::cpu());
  Event first, second;
  CHECK_THROWS_WITH(second.synchronize(), Catch::Contains("event: synchronised before it was recorded"));
  CHECK_THROWS_AS(second.seconds_since(first), Error);
  first.record(stream);
  CHECK_THROWS_AS(second.seconds_since(first), Error);
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  second.record(stream);
  CHECK(second.seconds_since(first) >= 0.002);
  CHECK_NOTHROW(second.synchronize());
}
