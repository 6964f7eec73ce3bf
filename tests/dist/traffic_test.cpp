// Counted payload against the papers' formulas, for every algorithm. "A direction" is what one worker sends to, or gets
// from, the server; N workers without a server of their own send 2 (N-1) of these together.

#include <stint/dist/compressor.h>

#include <catch2/catch.hpp>

#include "experiment.h"

using namespace stint;
using namespace stint::test;
using dist::Payload;

namespace {

constexpr int workers = 4;
constexpr std::int64_t steps = 20;
const BlockTable table = ragged_table();

/// What a worker sends in one direction over all steps.
struct Direction {
  std::int64_t gradient = 0, index = 0, parameter = 0, state = 0;
};

std::uint64_t sum_sent(const Course& course, Payload payload) {
  std::uint64_t sum = 0;
  for (const auto& traffic : course.traffic) sum += traffic.sent_by(payload);
  return sum;
}

Course course_of(const std::string& algorithm, const std::string& compressor, float momentum = 0) {
  static const Quadratic quadratic(table.dimension(), workers, 5);
  Experiment e;
  e.algorithm = algorithm;
  e.compressor = compressor;
  e.size = workers;
  e.steps = steps;
  e.table = table;
  e.momentum = momentum;
  e.gradient = quadratic.gradient(table);
  return run(e);
}

}  // namespace

TEST_CASE("payload of every algorithm is the formula's, to the byte", "[dist]") {
  dist::Buckets one(table, 0), blocks(table, 400);
  std::int64_t d = table.dimension(), flat = table[3].offset + table[3].count;  // with the padding inside
  auto sign = dist::make_compressor("sign")->wire_bytes(one) - 4;
  auto blocked = dist::make_compressor("sign")->wire_bytes(blocks) - 4 * blocks.count();
  CHECK(sign == 4 * ((148 + 31) / 32));
  CHECK(blocks.count() == 3);
  CHECK(blocked == 4 * (2 + 4 + 1));
  std::int64_t kept = static_cast<std::int64_t>(0.1 * 148);
  struct Case {
    const char* algorithm;
    const char* compressor;
    Direction up, down;
    float momentum = 0;
  };
  const Direction model{0, 0, 4 * flat, 0};
  auto each = [](Direction a, std::int64_t times) {
    return Direction{a.gradient * times, a.index * times, a.parameter * times, a.state * times};
  };
  Direction gradient20{20 * 4 * flat};
  const Case cases[] = {
      {"sync", "", gradient20, gradient20},
      {"pipe", "", gradient20, gradient20},
      {"lb:period=5", "", {4 * 4 * flat}, {4 * 4 * flat}},
      {"crpsgd:growth=2", "", {4 * 4 * flat}, {4 * 4 * flat}},
      {"local:period=5", "", each(model, 4), each(model, 4)},
      {"local:period=5", "", {0, 0, 16 * flat, 4 * 4 * flat}, {0, 0, 16 * flat, 16 * flat}, 0.9f},
      {"easgd:period=4", "", each(model, 5), each(model, 5)},
      {"vrl:period=5", "", each(model, 4), each(model, 4)},
      {"vrl:period=5,warmup=true", "", each(model, 4), each(model, 4)},
      {"cocod:period=4", "", each(model, 5), each(model, 5)},
      {"stl:period=2,stage=4", "", each(model, 2 + 2 + 1), each(model, 2 + 2 + 1)},
      // 17 compressed steps and 3 averaging ones of 8 bytes a parameter
      {"liec:period=6,server=root",
       "sign",
       {17 * sign + 3 * 4 * d, 17 * 4, 3 * 4 * flat},
       {17 * sign + 3 * 4 * d, 17 * 4, 3 * 4 * flat}},
      {"liec:period=6,block=400,server=root",
       "sign",
       {17 * blocked + 3 * 4 * d, 17 * 12, 3 * 4 * flat},
       {17 * blocked + 3 * 4 * d, 17 * 12, 3 * 4 * flat}},
      {"doublesqueeze:server=root", "topk:0.1", {20 * 4 * kept, 20 * 4 * kept}, {20 * 4 * kept, 20 * 4 * kept}},
      {"doublesqueeze:server=root", "bf16", {20 * 2 * d}, {20 * 2 * d}},
      {"neolithic:rounds=3,server=root", "sign", {60 * sign, 60 * 4}, {60 * sign, 60 * 4}},
      {"mem:server=root", "sign", {20 * sign, 20 * 4}, {20 * 4 * d}},
      {"cser:period=5,server=root", "sign", {24 * sign, 24 * 4}, {24 * 4 * d}},
  };
  for (const Case& c : cases) {
    INFO(c.algorithm << " " << c.compressor);
    Course course = course_of(c.algorithm, c.compressor, c.momentum);
    auto both = [](std::int64_t up, std::int64_t down) {
      return static_cast<std::uint64_t>((workers - 1) * (up + down));
    };
    CHECK(sum_sent(course, Payload::gradient) == both(c.up.gradient, c.down.gradient));
    CHECK(sum_sent(course, Payload::index) == both(c.up.index, c.down.index));
    CHECK(sum_sent(course, Payload::parameter) == both(c.up.parameter, c.down.parameter));
    CHECK(sum_sent(course, Payload::state) == both(c.up.state, c.down.state));
    CHECK(sum_sent(course, Payload::buffer) + sum_sent(course, Payload::control) == 0);
    if (std::string(c.algorithm).find("server=root") == std::string::npos) continue;
    CHECK(course.traffic[2].sent_by(Payload::gradient) == static_cast<std::uint64_t>(c.up.gradient));
    CHECK(course.traffic[2].received_by(Payload::gradient) == static_cast<std::uint64_t>(c.down.gradient));
  }
}

TEST_CASE("a sharded server moves the same codes in all, and every rank a like part", "[dist]") {
  Course root = course_of("liec:period=6,server=root", "sign"),
         sharded = course_of("liec:period=6,server=sharded", "sign");
  CHECK(sum_sent(root, Payload::gradient) == sum_sent(sharded, Payload::gradient));
  CHECK(sum_sent(root, Payload::parameter) == sum_sent(sharded, Payload::parameter));
  // upwards every rank tells all others its scale; downwards the chunk sums, one chunk here
  CHECK(sum_sent(sharded, Payload::index) == 17 * (workers * (workers - 1) * 4 + (workers - 1) * 4));
}

TEST_CASE("every algorithm gives weights of its own", "[dist]") {
  std::vector<std::pair<std::string, Reals>> seen;
  for (const char* algorithm : {"sync",
                                "local:period=4",
                                "local:period=5",
                                "lb:period=4",
                                "crpsgd:growth=1.2",
                                "easgd:period=4",
                                "pipe",
                                "liec:period=4",
                                "liec:period=5",
                                "liec:period=4,block=400",
                                "stl:period=4,stage=8",
                                "stl:variant=nc2,period=4,stage=4",
                                "stl:variant=nc1,period=4,stage=8,proximal=1",
                                "stl:period=2,stage=4,iid=false",
                                "vrl:period=4",
                                "vrl:period=4,warmup=true",
                                "vrl:period=4,epoch_end=7",
                                "cocod:period=4",
                                "mem",
                                "doublesqueeze",
                                "neolithic",
                                "neolithic:rounds=3",
                                "cser",
                                "cser:period=3"}) {
    Reals weights = course_of(algorithm, "").consensus;
    for (const auto& [other, theirs] : seen) {
      INFO(algorithm << " against " << other);
      CHECK(distance(weights, theirs) > 1e-5);
    }
    seen.emplace_back(algorithm, weights);
  }
}

TEST_CASE("what an algorithm cannot do is refused with the reason", "[dist]") {
  auto refused = [](const char* text, const char* compressor, const char* why) {
    CHECK_THROWS_WITH(dist::parse_algorithm(text, compressor), Catch::Contains(why));
  };
  refused("lieck", "", "there is no algorithm 'lieck': did you mean 'liec'?");
  refused("liec:perod=3", "", "liec has no key 'perod': did you mean 'period'?");
  refused("liec:period=0", "", "period of liec is '0', expected an integer of at least 1");
  refused("liec:period", "", "expected liec:key=value");
  refused("liec:period=3,period=4", "", "liec has period twice");
  refused("liec:block=5MB2", "", "bytes with a unit");
  refused("liec:server=middle", "", "one of sharded, root");
  refused("liec", "signs", "expected identity, bf16, sign or topk");
  refused("liec:server=sharded", "topk:0.1", "needs server=root");
  refused("local", "sign", "takes no compressor");
  refused("stl:proximal=1", "", "belongs to variant=nc1 or nc2");
  refused("pipe:period=3", "", "pipe has no key 'period': it has none");
}
