// Running statistics between workers: what becomes of them under each policy, and what that costs.

#include <stint/dist/algorithm.h>
#include <stint/dist/in_process.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "experiment.h"

using namespace stint;
using namespace stint::test;
using dist::BufferPolicy;

namespace {

constexpr int workers = 4;
constexpr std::int64_t steps = 7, count = 5;  // of each worker's statistics
const BlockTable table = ragged_table();

/// What worker r has gathered when step t (from 1) begins. The mean over the workers is 15 + t.
float gathered(int r, std::int64_t t) {
  return static_cast<float>(10 * r + t);
}

Tensor filled(std::int64_t size, float value) {
  Tensor tensor({size}, DType::f32);
  std::fill_n(tensor.data<float>(), size, value);
  return tensor;
}

/// The statistics of one worker, all elements of which are the same.
struct Seen {
  std::vector<float> after;    ///< each step
  float common, kept, at_end;  ///< what is evaluated with; one's own behind that, and behind the end of a run
  std::uint64_t sent = 0;      ///< bytes, by the steps alone
};

float value_of(const Tensor& buffers) {
  const float* values = buffers.data<float>();
  bool alike = std::all_of(values, values + count, [&](float value) { return value == values[0]; });
  return alike ? values[0] : NAN;
}

std::vector<Seen> train(const std::string& algorithm, BufferPolicy policy) {
  std::vector<Seen> seen(workers);
  auto make = dist::parse_algorithm(algorithm, "");
  dist::run_workers(workers, std::chrono::seconds(20), [&](dist::Communicator& group) {
    int rank = group.rank();
    Seen& mine = seen[rank];
    PlainDescent update;
    auto made = make({group, table, Device::cpu(), policy});
    Tensor x = filled(table.extent(), 0), g = filled(table.extent(), 0), buffers = filled(count, 0),
           common = filled(count, -1);
    for (std::int64_t t = 1; t <= steps; ++t) {
      buffers.copy_from(filled(count, gathered(rank, t)));
      dist::StepContext context{t - 1, 0.1f, x, g, buffers, update};
      made->step(context);
      mine.after.push_back(value_of(buffers));
    }
    mine.sent = group.traffic().sent_by(dist::Payload::buffer);
    dist::StepContext context{steps, 0.1f, x, g, buffers, update};
    made->consensus_buffers(context, common);
    mine.common = value_of(common);
    mine.kept = value_of(buffers);
    made->finish(context);
    mine.at_end = value_of(buffers);
  });
  return seen;
}

struct Case {
  const char* algorithm;
  std::vector<std::int64_t> equal;  // behind these steps the models are made equal
  bool equal_at_end;                // by the end of a run
};

const Case cases[] = {{"sync", {}, false},
                      {"pipe", {}, false},
                      {"lb:period=3", {}, false},
                      {"crpsgd:growth=2", {}, false},
                      {"easgd:period=3", {}, false},
                      {"mem", {}, false},
                      {"doublesqueeze", {}, false},
                      {"neolithic", {}, false},
                      {"cser:period=3", {}, false},
                      {"cocod:period=3", {}, true},
                      {"local:period=3", {3, 6}, true},
                      {"vrl:period=3", {3, 6}, true},
                      {"liec:period=3", {3, 6}, true},
                      {"stl:period=3,stage=100", {3, 6}, true}};

/// Where models are made equal, and elsewhere.
struct Rule {
  BufferPolicy policy;
  float (*equal)(int r, std::int64_t t);
  float (*apart)(int r, std::int64_t t);
  float (*common)(int r, std::int64_t t);
  int pieces;  ///< of the statistics' bytes, that all workers together send where models are made equal
};

float mean(int, std::int64_t t) {
  return 15 + static_cast<float>(t);
}
float roots(int, std::int64_t t) {
  return gathered(0, t);
}

const Rule rules[] = {{BufferPolicy::mean, mean, gathered, mean, 2 * (workers - 1)},
                      {BufferPolicy::local, gathered, gathered, gathered, 0},
                      {BufferPolicy::root, roots, gathered, roots, workers - 1},
                      {BufferPolicy::root_every_step, roots, roots, roots, workers - 1}};

}  // namespace

TEST_CASE("running statistics follow the policy, where models are made equal, elsewhere and for evaluation", "[dist]") {
  for (const Case& c : cases) {
    for (const Rule& rule : rules) {
      INFO(c.algorithm << ", policy " << static_cast<int>(rule.policy));
      auto seen = train(c.algorithm, rule.policy);
      std::uint64_t sent = 0;
      for (int r = 0; r < workers; ++r) {
        for (std::int64_t t = 1; t <= steps; ++t) {
          bool equal = std::count(c.equal.begin(), c.equal.end(), t) > 0;
          CHECK(seen[r].after[t - 1] == (equal ? rule.equal : rule.apart)(r, t));
        }
        CHECK(seen[r].common == rule.common(r, steps));
        CHECK(seen[r].kept == rule.apart(r, steps));
        CHECK(seen[r].at_end == (c.equal_at_end ? rule.equal : rule.apart)(r, steps));
        sent += seen[r].sent;
      }
      bool always = rule.policy == BufferPolicy::root_every_step;
      std::uint64_t times = always ? steps : c.equal.size();
      CHECK(sent == times * rule.pieces * count * sizeof(float));
    }
  }
}
