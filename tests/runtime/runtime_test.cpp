#include <stint/runtime/block_table.h>
#include <stint/runtime/closest.h>
#include <stint/runtime/parallel.h>
#include <stint/runtime/philox.h>
#include <stint/runtime/profile.h>
#include <stint/runtime/stream.h>
#include <stint/runtime/tensor.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "../temporary_directory.h"

using namespace stint;

TEST_CASE("philox gives the published words", "[runtime]") {
  using Words = std::array<std::uint32_t, 4>;
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  constexpr std::uint32_t f = 0xffffffff;
  CHECK(philox({f, f, f, f}, {f, f}) == Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("random sequences have the moments of their distributions", "[runtime]") {
  RandomSequence random{1, 2};
  constexpr int n = 200000;
  double uniform = 0, normal = 0, square = 0;
  std::array<int, 7> counts{};
  for (int i = 0; i < n; ++i) {
    float u = random.uniform(i);
    CHECK_FALSE((u < 0 || u >= 1));
    uniform += u;
    normal += random.normal(i);
    square += std::pow(random.normal(i), 2);
    ++counts[random.below(i, 7)];
  }
  CHECK(uniform / n == Approx(0.5).margin(0.003));
  CHECK(normal / n == Approx(0).margin(0.01));
  CHECK(square / n == Approx(1).margin(0.02));
  for (int count : counts) CHECK(count == Approx(n / 7.0).epsilon(0.03));
  RandomState state{9, 4};
  CHECK(state.take().number == 4);
  CHECK(state.next == 5);
}

TEST_CASE("bfloat16 rounds to nearest even and keeps what is special", "[runtime]") {
  CHECK(bfloat16(1.0f).bits == 0x3f80);
  CHECK(bfloat16(1.00390625f).bits == 0x3f80);  // halfway, down to even
  CHECK(bfloat16(1.01171875f).bits == 0x3f82);  // halfway, up to even
  CHECK(std::isinf(float(bfloat16(3.4e38f))));
  CHECK(std::isnan(float(bfloat16(NAN))));
  CHECK(std::signbit(float(bfloat16(-0.0f))));
}

TEST_CASE("views share memory, and what does not fit is an error", "[runtime]") {
  Tensor x = tensor_of<float>({2, 3}, std::vector<float>{0, 1, 2, 3, 4, 5});
  x.reshaped({3, 2}).slice(4, 2).data<float>()[0] = 9;
  CHECK(x.data<float>()[4] == 9);
  CHECK_THROWS_WITH(x.reshaped({7}), Catch::Contains("reshape: [7] has 7 elements, but [2,3] has 6"));
  CHECK_THROWS_AS(x.slice(5, 2), Error);
  CHECK_THROWS_AS(x.slice(-1, 2), Error);
  CHECK_THROWS_WITH(x.data<std::int32_t>(), Catch::Contains("expected i32 elements, got f32"));
  CHECK_THROWS_AS(x.copy_from(Tensor({5}, DType::f32)), Error);
  CHECK_THROWS_AS(Shape({-1}), Error);
  CHECK_THROWS_AS(Shape({1, 1, 1, 1, 1, 1}), Error);
  CHECK_THROWS_AS(Shape({std::int64_t{1} << 40, std::int64_t{1} << 40}), Error);
  CHECK(Shape({2, 3}).text() == "[2,3]");
}

TEST_CASE("a block table aligns, counts and refuses names that are taken", "[runtime]") {
  BlockTable table;
  table.add("a", {5, 13}, true);
  table.add("b", {1}, false);
  CHECK(table[1].offset == 128);
  CHECK(table.dimension() == 66);
  CHECK(table.extent() == 192);
  CHECK(table.find("b")->count == 1);
  CHECK(table.find("c") == nullptr);
  CHECK_THROWS_WITH(table.add("a", {1}, true), Catch::Contains("two tensors named 'a'"));
}

TEST_CASE("devices are parsed, named and refused", "[runtime]") {
  CHECK(Device::parse("cpu") == Device::cpu());
  CHECK(Device::parse("null").name() == "null");
  for (const char* text : {"gpu", "cuda:x", "cuda:-1", "cuda:", "", "cpu "}) {
    INFO(text);
    CHECK_THROWS_AS(Device::parse(text), Error);
  }
  CHECK_THROWS_WITH(Device::parse("cuda:99"), Catch::Contains("cannot be used"));
}

TEST_CASE("the current stream belongs to the thread and to the scope", "[runtime]") {
  int one = 1;
  Stream mine(Device::cpu(), &one);
  {
    StreamScope scope(mine);
    CHECK(Stream::current(Device::cpu()).native() == &one);
    void* elsewhere = &one;
    std::thread([&] { elsewhere = Stream::current(Device::cpu()).native(); }).join();
    CHECK(elsewhere == nullptr);
  }
  CHECK(Stream::current(Device::cpu()).native() == nullptr);
  Event first, second;
  CHECK_THROWS_AS(second.seconds_since(first), Error);
  first.record(mine);
  second.record(mine);
  CHECK(second.seconds_since(first) >= 0);
}

TEST_CASE("ranges become a Chrome trace, nested and from every thread", "[runtime]") {
  test::TemporaryDirectory directory;
  std::string path = directory.path() / "trace.json";
  { ProfileRange ignored("before"); }
  Profiler::start();
  {
    ProfileRange outer("outer");
    ProfileRange inner("inner", {100, 200});
    std::thread([] { ProfileRange other("other thread"); }).join();
  }
  write_trace(path, Profiler::stop());
  { ProfileRange ignored("after"); }
  std::ifstream file(path);
  auto trace = nlohmann::json::parse(file);
  auto& events = trace["traceEvents"];
  REQUIRE(events.size() == 3);
  CHECK(events[0]["name"] == "other thread");
  CHECK(events[0]["tid"] != events[1]["tid"]);
  CHECK(events[1]["name"] == "inner");
  CHECK(events[1]["args"]["flops"] == 100);
  CHECK(events[2]["ts"] <= events[1]["ts"]);
  CHECK_THROWS_AS(write_trace(directory.path() / "no/where.json", {}), Error);
}

TEST_CASE("parallel_for covers everything once, whatever the number of threads", "[runtime]") {
  int before = thread_count();
  for (int threads : {1, 2, 3}) {
    set_thread_count(threads);
    for (std::int64_t count : {0, 1, 7, 1000}) {
      std::vector<std::atomic<int>> seen(count);
      parallel_for(count, 3, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) ++seen[i];
      });
      CHECK(std::all_of(seen.begin(), seen.end(), [](auto& n) { return n == 1; }));
    }
  }
  set_thread_count(before);
}

TEST_CASE("suggestions are close names only", "[runtime]") {
  CHECK(did_you_mean("resnt18", {"resnet18", "vgg16"}) == ": did you mean 'resnet18'?");
  CHECK(did_you_mean("trian", {"train", "eval"}) == ": did you mean 'train'?");
  CHECK(did_you_mean("zebra", {"resnet18", "vgg16"}).empty());
  CHECK(did_you_mean(std::string(100000, 'x'), {"resnet18"}).empty());
  CHECK(did_you_mean("x", {}).empty());
}
