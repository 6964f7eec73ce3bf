#include <stint/kernels/vector/vector.h>
#include <stint/runtime/cuda_driver.h>
#include <stint/runtime/error.h>
#include <stint/runtime/profile.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "../temporary_directory.h"

using namespace stint;

namespace {

nlohmann::json trace_of(const std::vector<ProfileEvent>& events) {
  test::TemporaryDirectory directory;
  std::string path = directory.path() / "trace.json";
  write_trace(path, events);
  std::ifstream file(path);
  return nlohmann::json::parse(file)["traceEvents"];
}

}  // namespace

TEST_CASE("ranges become a Chrome trace, nested and from every thread", "[runtime]") {
  { ProfileRange ignored("before"); }
  Profiler::start();
  {
    ProfileRange outer("outer");
    ProfileRange inner("inner", {100, 200});
    std::thread([] { ProfileRange other("other thread"); }).join();
  }
  auto events = trace_of(Profiler::stop());
  { ProfileRange ignored("after"); }
  REQUIRE(events.size() == 3);
  CHECK(events[0]["name"] == "other thread");
  CHECK(events[0]["tid"] != events[1]["tid"]);
  CHECK(events[1]["name"] == "inner");
  CHECK(events[1]["ph"] == "X");
  CHECK(events[1]["args"]["flops"] == 100);
  CHECK(events[1]["args"]["bytes"] == 200);
  CHECK(events[2]["name"] == "outer");
  CHECK(events[2]["ts"] <= events[1]["ts"]);
  CHECK(events[2]["dur"] >= events[1]["dur"]);
}

TEST_CASE("a trace is valid JSON without events, and with any name", "[runtime]") {
  CHECK(trace_of({}).empty());
  std::string hostile = "a \"quoted\" \\ name\n\x01";
  auto events = trace_of({{hostile, 1, 2, 0, {}}});
  REQUIRE(events.size() == 1);
  CHECK(events[0]["name"] == hostile);
}

TEST_CASE("a trace that cannot be written is an error that names the file", "[runtime]") {
  test::TemporaryDirectory directory;
  CHECK_THROWS_WITH(write_trace(directory.path() / "no/where.json", {}), Catch::Contains("no/where.json"));
}

TEST_CASE("a profile starts empty, and a range that outlives it is left out", "[runtime]") {
  Profiler::start();
  { ProfileRange lost("of the first profile"); }
  Profiler::start();
  CHECK(Profiler::stop().empty());
  Profiler::start();
  {
    ProfileRange range("too long");
    CHECK(Profiler::stop().empty());
  }
  Profiler::start();
  CHECK(Profiler::stop().empty());
}

TEST_CASE("work is counted by thread, profiled or not", "[runtime]") {
  Work before = work_done();
  { ProfileRange range("work", {10, 20}); }
  std::thread([] { ProfileRange range("elsewhere", {1000, 1000}); }).join();
  CHECK(work_done().flops - before.flops == 10);
  CHECK(work_done().bytes - before.bytes == 20);
}

TEST_CASE("the innermost range is known by name", "[runtime]") {
  CHECK(ProfileRange::current().empty());
  {
    ProfileRange outer("outer");
    {
      ProfileRange inner("inner");
      CHECK(ProfileRange::current() == "inner");
    }
    CHECK(ProfileRange::current() == "outer");
  }
  CHECK(ProfileRange::current().empty());
}

TEST_CASE("ranges on a device are timed there", "[runtime]") {
  if (cuda_device_count() == 0) return;
  Tensor x({1000}, DType::f32, Device::cuda());
  Profiler::start();
  scale(2, x);
  scale(3, x);
  auto events = Profiler::stop();
  REQUIRE(events.size() == 2);
  CHECK(events[0].name == "scale");
  CHECK(events[0].thread == 1000);
  CHECK(events[0].end_ns >= events[0].begin_ns);
  CHECK(events[1].begin_ns >= events[0].end_ns);
}
