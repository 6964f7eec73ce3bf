// Counted payload against the papers' formulas, for every algorithm. "A direction" is what one worker sends to, or gets
// from, the server; N workers without a server of their own send 2 (N-1) of these together.

#include <fmt/format.h>
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

Course course_of(const std::string& algorithm, const std::string& compressor, float momentum = 0, bool finish = false) {
  static const Quadratic quadratic(table.dimension(), workers, 5);
  Experiment e;
  e.algorithm = algorithm;
  e.compressor = compressor;
  e.size = workers;
  e.steps = steps;
  e.table = table;
  e.momentum = momentum;
  e.finish = finish;
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
    bool finish = false;
  };
  constexpr bool finish = true;  // 20 = 7 + 7 + 6: a last round that the end of the run closes
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
      {"cocod:period=4", "", each(model, 5 + 1), each(model, 5 + 1)},  // one is under way
      {"cocod:period=4", "", each(model, 5 + 1), each(model, 5 + 1), 0, finish},
      {"stl:period=2,stage=4", "", each(model, 2 + 2 + 1), each(model, 2 + 2 + 1)},
      // stages of 4, 8 and 16 steps with periods of 2, 2.8 and 4: after 2, 4; 6, 8, 10, 12; 16 and 20
      {"stl:period=2,stage=4,iid=false", "", each(model, 2 + 4 + 2), each(model, 2 + 4 + 2)},
      // of 3, 6 and 12 with 2, 4 and 8, and at every stage's end: after 2, 3; 7, 9; 17
      {"stl:variant=nc1,period=2,stage=3,proximal=1", "", each(model, 2 + 2 + 1), each(model, 2 + 2 + 1)},
      // with 2, 2.8 and 4: after 2, 3; 5, 7, 9; 13 and 17, and the end
      {"stl:variant=nc1,period=2,stage=3,iid=false", "", each(model, 2 + 3 + 2), each(model, 2 + 3 + 2)},
      {"stl:variant=nc1,period=2,stage=3,iid=false", "", each(model, 2 + 3 + 3), each(model, 2 + 3 + 3), 0, finish},
      // of 3, 6, 9 and 12 with 2, 4, 6 and 8: after 2, 3; 7, 9; 15, 18; none in the last two
      {"stl:variant=nc2,period=2,stage=3,proximal=1", "", each(model, 2 + 2 + 2), each(model, 2 + 2 + 2)},
      // with 2, 2.8, 3.5 and 4: after 2, 3; 5, 7, 9; 12, 15, 18
      {"stl:variant=nc2,period=2,stage=3,iid=false", "", each(model, 2 + 3 + 3), each(model, 2 + 3 + 3)},
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
      {"local:period=7", "", each(model, 3), each(model, 3), 0, finish},
      {"local:period=7", "", {0, 0, 12 * flat, 12 * flat}, {0, 0, 12 * flat, 12 * flat}, 0.9f, finish},
      {"vrl:period=7", "", each(model, 3), each(model, 3), 0, finish},
      {"vrl:period=5,epoch_end=7", "", each(model, 4 + 2), each(model, 4 + 2)},
      {"vrl:period=7,epoch_end=5", "", each(model, 2 + 4), each(model, 2 + 4)},
      {"stl:period=7,stage=1000", "", each(model, 3), each(model, 3), 0, finish},
      {"easgd:period=5", "", each(model, 4), each(model, 4)},
      {"easgd:period=7", "", each(model, 3), each(model, 3), 0, finish},
      {"lb:period=7", "", {3 * 4 * flat}, {3 * 4 * flat}, 0, finish},
      {"crpsgd:growth=2", "", {5 * 4 * flat}, {5 * 4 * flat}, 0, finish},
      {"pipe", "", gradient20, gradient20, 0, finish},
      // the workers have never been equal: their average is one more
      {"cocod:period=7", "", each(model, 3 + 1), each(model, 3 + 1), 0, finish},
      {"cocod:period=7", "", {0, 0, 16 * flat, 4 * flat}, {0, 0, 16 * flat, 4 * flat}, 0.9f, finish},
      {"liec:period=6,server=root",
       "sign",
       {17 * sign + 3 * 4 * d, 17 * 4, 4 * 4 * flat},
       {17 * sign + 3 * 4 * d, 17 * 4, 4 * 4 * flat},
       0,
       finish},
  };
  std::vector<std::string> names;
  for (const Case& c : cases) names.emplace_back(c.algorithm);
  CHECK(missing_from(names) == std::vector<std::string>{});
  for (const Case& c : cases) {
    INFO(c.algorithm << " " << c.compressor << (c.finish ? ", to the end" : ""));
    Course course = course_of(c.algorithm, c.compressor, c.momentum, c.finish);
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

TEST_CASE("a sharded server moves the codes of the formula, and every rank a like part", "[dist]") {
  BlockTable wide;
  for (std::int64_t count : {7000, 40000, 64, 33, 90000}) wide.add(std::to_string(count), {count}, true);
  Quadratic quadratic(wide.dimension(), workers, 7);
  std::int64_t d = wide.dimension(), flat = wide[4].offset + wide[4].count;
  for (std::int64_t block : {0, 150 << 10}) {
    dist::Buckets buckets(wide, block);
    CHECK(buckets.count() == (block ? 4 : 1));
    std::int64_t side = 4 * buckets.count(), sign = dist::make_compressor("sign")->wire_bytes(buckets) - side;
    std::int64_t up = workers * side, down = 4 * buckets.whole().chunks();  // every rank tells all others its scales
    struct Case {
      const char* algorithm;
      std::int64_t gradient, index, parameter = 0;  // of all ranks in 5 steps, to one other rank
    };
    for (Case c : {Case{"mem", 5 * (sign + 4 * d), 5 * up},
                   {"doublesqueeze", 10 * sign, 5 * (up + down)},
                   {"neolithic:rounds=3", 30 * sign, 15 * (up + down)},
                   {"cser:period=2", 7 * (sign + 4 * d), 7 * up},
                   {"liec:period=3", 8 * sign + 8 * d, 4 * (up + down), 8 * flat}}) {
      Experiment e;
      e.algorithm = c.algorithm;
      e.algorithm += e.algorithm.find(':') == std::string::npos ? ":" : ",";
      e.algorithm += fmt::format("server=sharded{}", block ? ",block=150KiB" : "");
      INFO(e.algorithm);
      e.compressor = "sign";
      e.size = workers;
      e.steps = 5;
      e.table = wide;
      e.gradient = quadratic.gradient(wide);
      Course course = run(e);
      auto others = static_cast<std::uint64_t>(workers - 1);
      CHECK(sum_sent(course, Payload::gradient) == others * c.gradient);
      CHECK(sum_sent(course, Payload::index) == others * c.index);
      CHECK(sum_sent(course, Payload::parameter) == others * c.parameter);
      std::uint64_t least = ~std::uint64_t{0}, most = 0;
      for (const dist::Traffic& each : course.traffic) {
        least = std::min(least, each.sent_by(Payload::gradient));
        most = std::max(most, each.sent_by(Payload::gradient));
      }
      CHECK(most < 2 * least);  // the root's would be 3 times another's
    }
  }
}

TEST_CASE("the buckets of synchronous SGD carry the tensors alone and leave the bits as they are", "[dist]") {
  Course whole = course_of("sync", ""), cut = course_of("sync:bucket=400", "");
  CHECK(cut.last == whole.last);
  auto moved = [](std::int64_t elements) { return static_cast<std::uint64_t>(2 * (workers - 1) * 20 * 4 * elements); };
  CHECK(sum_sent(whole, Payload::gradient) == moved(table[3].offset + table[3].count));
  CHECK(sum_sent(cut, Payload::gradient) == moved(table.dimension()));  // the padding lies between four buckets
}

TEST_CASE("every algorithm gives weights of its own", "[dist]") {
  std::vector<std::pair<std::string, Reals>> seen;
  const std::vector<std::string> algorithms = {"sync",
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
                                               "cser:period=3"};
  CHECK(missing_from(algorithms) == std::vector<std::string>{});
  for (const std::string& algorithm : algorithms) {
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
