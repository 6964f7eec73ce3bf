#include <stint/runtime/cuda_driver.h>
#include <stint/runtime/device.h>
#include <stint/runtime/error.h>

#include <catch2/catch.hpp>

using namespace stint;

TEST_CASE("devices are parsed and named, and one is the inverse of the other", "[runtime]") {
  CHECK(Device::parse("cpu") == Device::cpu());
  CHECK(Device::parse("null") == Device::null());
  Device automatic = Device::parse("auto");
  CHECK(automatic == (cuda_device_count() > 0 ? Device::cuda() : Device::cpu()));
  for (Device device : {Device::cpu(), Device::null(), automatic}) CHECK(Device::parse(device.name()) == device);
  CHECK(Device::cuda(3).name() == "cuda:3");
}

TEST_CASE("text that names no device is a usage error that says what does", "[runtime]") {
  for (const char* text :
       {"gpu", "CPU", "cuda:x", "cuda:-1", "cuda:", "cuda:1x", "cuda: 1", "cuda:99999999999", "", "cpu ", "cuda:+1"}) {
    INFO("'" << text << "'");
    try {
      Device::parse(text);
      FAIL("it was accepted");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::usage);
      CHECK_THAT(error.what(), Catch::StartsWith("device: expected auto, cpu, cuda, cuda:N or null"));
    }
  }
}

TEST_CASE("a CUDA device that is not there is a usage error that says why", "[runtime]") {
  try {
    Device::parse("cuda:99");
    FAIL("it was accepted");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::usage);
    CHECK_THAT(error.what(), Catch::Contains("'cuda:99' cannot be used: ") && Catch::Contains(cuda_absence()));
  }
}
