#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "../dist/experiment.h"
#include "team_fixtures.h"

using namespace stint;
using namespace stint::test;
namespace fs = std::filesystem;
using Json = nlohmann::json;

TEST_CASE("four workers train the digits with every algorithm, each with weights of its own", "[trainer]") {
  TemporaryDirectory directory;
  std::map<std::string, std::string> seen;
  CHECK(missing_from({std::begin(algorithms), std::end(algorithms)}) == std::vector<std::string>{});
  for (const char* algorithm : algorithms) {
    INFO(algorithm);
    Config config = team_run(directory, "run" + std::to_string(seen.size()), algorithm);
    auto outcome = train_whole(config);
    auto summary = last_line(outcome.run);
    CHECK(outcome.top1 > 30);
    CHECK(summary[9] > 1e3);   // sent
    CHECK(summary[10] > 1e3);  // received
    CHECK(summary[11] >= 2);   // rounds
    CHECK(seen.emplace(weights(outcome.run), algorithm).second);
  }
}

TEST_CASE("DropIT and every algorithm train together: other weights than dense, and each its own", "[trainer]") {
  TemporaryDirectory directory;
  std::map<std::string, std::string> seen;
  auto train_one = [&](const char* algorithm, const char* drop) {
    INFO(algorithm << (*drop ? " with DropIT" : ""));
    Config config = team_run(directory, "run" + std::to_string(seen.size()), algorithm);
    config.memory.drop = drop;
    auto outcome = train_whole(config);
    CHECK(outcome.top1 > 30);
    CHECK(seen.emplace(weights(outcome.run), algorithm).second);
    return last_line(outcome.run);
  };
  for (const char* algorithm : algorithms) {
    auto dense = train_one(algorithm, ""), dropped = train_one(algorithm, "mink:gamma=0.9");
    CHECK(dropped[8] < dense[8]);                                            // saved activations
    for (int column : {9, 10, 11}) CHECK(dropped[column] == dense[column]);  // what the workers say to each other
  }
}

TEST_CASE("four workers in one process have the payload of the formula in their summary", "[trainer]") {
  TemporaryDirectory directory;
  auto summary = last_line(train_whole(team_run(directory, "sync", "sync")).run);
  // 64*32+32, 32*32+32 and 32*10+10 parameters, with the padding between them; rank 0 of 4 sends its quarter three
  // times and the rest once, 11 steps in 2 epochs
  std::int64_t flat = 2048 + 64 + 1024 + 64 + 320 + 10, slice = flat / 4, rest = flat - slice;
  CHECK(summary[9] == 22 * 4 * (rest + 3 * slice));
  CHECK(summary[10] == summary[9]);
  CHECK(summary[11] == 22);
}

TEST_CASE("synchronous SGD in small buckets, sent while the backward runs, has the bits of one large one",
          "[trainer]") {
  TemporaryDirectory directory;
  auto one = train_whole(team_run(directory, "one", "sync")).run;
  auto many = train_whole(team_run(directory, "many", "sync:bucket=2KiB")).run;
  CHECK(weights(many) == weights(one));
  // the padding between two buckets does not travel
  CHECK(last_line(many)[9] < last_line(one)[9]);
  CHECK(last_line(many)[11] == last_line(one)[11]);
}

namespace {

/// Every line has bytes by purpose, rounds and what was waited, none of which shrinks; returns the last one.
Json check_log(const fs::path& run, int expected_steps) {
  std::istringstream lines(read_file(run / "metrics.jsonl"));
  Json last;
  int steps = 0;
  for (std::string line; std::getline(lines, line);) {
    Json json = Json::parse(line);
    for (const char* key : {"sent_bytes", "received_bytes"}) {
      REQUIRE(json[key].is_object());
      for (const auto& [purpose, bytes] : json[key].items()) {
        CHECK(std::set<std::string>{"gradient", "index", "parameter", "buffer", "state", "control"}.contains(purpose));
        CHECK(bytes > 0);
      }
      Json before = last.is_null() ? Json::object() : last[key];
      for (const auto& [purpose, bytes] : before.items()) CHECK(json[key][purpose] >= bytes);
    }
    REQUIRE(json["sync_rounds"].is_number());
    if (!last.is_null()) CHECK(json["sync_rounds"] >= last["sync_rounds"]);
    REQUIRE(json["waited_seconds"].is_number());
    CHECK(json["waited_seconds"] >= 0);
    CHECK(json["waited_seconds"] <= json["seconds"]);
    bool epoch = json.contains("eval_loss");
    CHECK(json.contains("worker_spread") == epoch);
    CHECK(json.contains("compression_error") == epoch);
    steps += !epoch;
    last = json;
  }
  CHECK(steps == expected_steps);
  return last;
}

}  // namespace

TEST_CASE("every line of every algorithm's log has bytes by purpose, rounds and what was waited", "[trainer]") {
  TemporaryDirectory directory;
  std::set<std::string> compressing, parting;
  for (const std::string algorithm : algorithms) {
    INFO(algorithm);
    std::string name = algorithm.substr(0, algorithm.find(':'));
    Config config = team_run(directory, name, algorithm);
    config.data.batch_size = 64;  // epochs of 5 steps
    auto run = train_whole(config).run;
    Json last = check_log(run, 10);
    CHECK(last["sync_rounds"] > 0);
    CHECK(last["sent_bytes"].size() > 0);
    CHECK(last["sent_bytes"].contains("index") == (last["compression_error"] > 0));
    if (last["compression_error"] > 0) compressing.insert(name);
    if (last["worker_spread"] > 0) parting.insert(name);
    auto row = last_line(run);
    CHECK(std::accumulate(row.begin() + 15, row.begin() + 21, 0.0) == row[9]);
    CHECK(std::accumulate(row.begin() + 21, row.begin() + 27, 0.0) == row[10]);
    CHECK(row[11] == last["sync_rounds"]);
  }
  CHECK(compressing == std::set<std::string>{"liec", "mem", "doublesqueeze", "neolithic", "cser"});
  CHECK(parting == std::set<std::string>{"easgd", "cser"});  // the others' last round is closed
}

TEST_CASE("a team's log has the bytes of the optimiser's state, and says how the codes fall short", "[trainer]") {
  TemporaryDirectory directory;
  for (const char* algorithm : {"liec:period=4", "local:period=3"}) {
    INFO(algorithm);
    Config config = team_run(directory, std::string(algorithm, 4), algorithm);
    config.optim.momentum = 0.9;
    auto run = train_whole(config).run;
    Json last = check_log(run, 22);
    bool compresses = algorithm[1] == 'i';
    CHECK(last["sent_bytes"].contains("gradient") == compresses);
    CHECK(last["sent_bytes"].contains("index") == compresses);
    CHECK(last["sent_bytes"]["state"] > 0);
    CHECK((last["compression_error"] > 0.1) == compresses);
    CHECK(last["worker_spread"] == 0);  // the last round is closed
    auto row = last_line(run);
    std::uint64_t sent = 0;
    for (const auto& [purpose, bytes] : last["sent_bytes"].items()) sent += bytes.get<std::uint64_t>();
    CHECK(row[9] == static_cast<double>(sent));
  }
}

TEST_CASE("CoCoD-SGD's workers share out a batch by their speeds", "[trainer]") {
  TemporaryDirectory directory;
  Config config = team_run(directory, "speeds", "cocod:period=3");
  config.sync.speeds = "3/2/2/1";
  std::string unequal = weights(train_whole(config).run);
  config.log.experiment = "equal";
  config.sync.speeds = "1/1/1/1";
  std::string equal = weights(train_whole(config).run);
  config.log.experiment = "default";
  config.sync.speeds.clear();
  CHECK(equal == weights(train_whole(config).run));
  CHECK(equal != unequal);
  for (auto [speeds, why] : {std::pair{"1/1", "a speed for each of 4 workers, got 2"},
                             {"1/x/1/1", "'x' is no speed"},
                             {"1000/1/1/1", "nothing is left"}}) {
    config.log.experiment = "refused";
    config.sync.speeds = speeds;
    CHECK_THROWS_WITH(train_whole(config), Catch::Contains(why));
  }
  config.sync.algorithm = "local";
  CHECK_THROWS_WITH(train_whole(config), Catch::Contains("unequal batches need an average by weight"));
}

TEST_CASE("replicas that must be equal and are not end the run, naming the first tensor that differs", "[trainer]") {
  struct Vandal : Watcher {
    void started(const RunDirectory&, Training& training, const std::vector<std::string>&) override {
      const Block* block = training.state().parameter_table().find("fc2.weight");
      training.state().parameters().slice(block->offset + 5, 1).zero();  // on rank 0 alone, once the run is open
    }
  };
  TemporaryDirectory directory;
  for (const char* algorithm : {"sync", "liec:period=11"}) {  // which averages at the end of the epoch
    Config config = team_run(directory, std::string("drift-") + (algorithm[0] == 's' ? "sync" : "liec"), algorithm);
    Vandal vandal;
    if (algorithm[0] == 'l') {
      CHECK_NOTHROW(train(config, vandal, vandal.stop));
      continue;
    }
    try {
      train(config, vandal, vandal.stop);
      FAIL("nobody noticed");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::drifted);
      CHECK_THAT(error.what(), Catch::Contains("rank 1 differs from rank 0 in fc2.weight"));
    }
  }
}

TEST_CASE("several workers without an algorithm, and what no algorithm can do, are usage errors", "[trainer]") {
  TemporaryDirectory directory;
  Config config = team_run(directory, "none", "none");
  CHECK_THROWS_WITH(train_whole(config), Catch::Contains("4 workers need an algorithm"));
  config.sync.algorithm = "liek";
  CHECK_THROWS_WITH(train_whole(config), Catch::Contains("did you mean 'liec'"));
  config.sync.algorithm = "local";
  config.sync.compress = "sign";
  CHECK_THROWS_WITH(train_whole(config), Catch::Contains("takes no compressor"));
  config.sync.compress = "";
  config.sync.algorithm = "easgd";
  config.optim.model_ema = true;
  CHECK_THROWS_WITH(train_whole(config), Catch::Contains("easgd's model is its centre: leave out --model-ema"));
  CHECK_FALSE(fs::exists(directory.path() / "none"));
}

TEST_CASE("evaluations and checkpoints take no time of the emulated clock", "[trainer]") {
  TemporaryDirectory directory;
  for (int recovery_interval : {0, 1}) {
    Config config = team_run(directory, "emulated-" + std::to_string(recovery_interval), "sync");
    config.device = "cpu";
    config.model.kwargs = {{"hidden", "1024"}};
    config.optim.epochs = 4;
    config.data.val_split = 0.97;  // far more is evaluated than trained on
    config.data.batch_size = 4;
    config.sync.workers = 2;
    config.sync.net = "bandwidth=100Gbps,latency=1us";
    config.log.recovery_interval = recovery_interval;
    std::istringstream lines(read_file(train_whole(config).run / "metrics.jsonl"));
    std::vector<Json> epochs;
    for (std::string line; std::getline(lines, line);) {
      Json json = Json::parse(line);
      if (json.contains("emulated_s")) epochs.push_back(json);
    }
    REQUIRE(epochs.size() == 4);
    auto since_first = [&](const char* key) { return epochs[3][key].get<double>() - epochs[0][key].get<double>(); };
    INFO(since_first("emulated_s") << " s of " << since_first("time"));
    CHECK(since_first("emulated_s") < 0.5 * since_first("time"));
  }
}
