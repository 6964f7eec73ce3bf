// Checkpoints of several workers: who may go on from them, and with what bits.

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "team_fixtures.h"

using namespace stint;
using namespace stint::test;
namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

fs::path checkpoint(const fs::path& run, int step) {
  return run / "checkpoints" / fmt::format("step-{:010}", step);
}

Json worker_state(const fs::path& run, int step) {
  return Json::parse(read_file(checkpoint(run, step) / "rank-0.json"));
}

std::string average(const fs::path& run) {
  return read_file(run / "checkpoints/last/ema.safetensors");
}

}  // namespace

TEST_CASE("a team that is cut in the middle of a round, or stopped, and resumed has the bits of one that was not",
          "[trainer]") {
  TemporaryDirectory directory;
  for (const char* algorithm : algorithms) {
    INFO(algorithm);
    std::string name = algorithm;
    name = name.substr(0, name.find(':'));
    Config config = team_run(directory, name, algorithm);
    config.data.batch_size = 64;  // epochs of 5 steps
    config.optim.momentum = 0.5;
    config.optim.sched = "cosine";  // another rate every step
    config.optim.model_ema = name != "easgd";
    config.optim.model_ema_decay = 0.9;
    fs::path whole = train_whole(config).run;
    auto goes_on = [&](const fs::path& run) {
      Config rest = config;
      rest.resume = run;
      train_whole(rest);
      CHECK(weights(run) == weights(whole));
      if (config.optim.model_ema) CHECK(average(run) == average(whole));
      for (int column : {9, 11}) CHECK(last_line(run)[column] == last_line(whole)[column]);  // bytes sent, and rounds
    };

    Config careful = config;
    careful.log.experiment += "-every-step";
    careful.log.recovery_interval = 1;
    careful.log.checkpoint_hist = 10;
    fs::path every_step = train_whole(careful).run;
    CHECK(weights(every_step) == weights(whole));        // a checkpoint leaves no trace
    bool has_rounds = name != "sync" && name != "pipe";  // in whose middle a worker has something of its own
    for (int step : {2, 7}) {
      INFO("cut behind step " << step);
      REQUIRE(worker_state(every_step, step)["nothing_of_its_own"] != has_rounds);
      fs::path cut = directory.path() / (name + "-cut-" + std::to_string(step));
      fs::copy(every_step, cut, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
      for (int later = step + 1; later <= 10; ++later) fs::remove_all(checkpoint(cut, later));
      goes_on(cut);
    }

    INFO("stopped");
    Config cut = config;
    cut.log.experiment += "-stopped";
    Watcher watcher;
    watcher.stop_after = 1;
    auto stopped = train(cut, watcher, watcher.stop);
    REQUIRE(stopped.stopped);
    goes_on(stopped.run);
  }
}

TEST_CASE("another number of workers goes on behind an epoch where nobody has anything of his own", "[trainer]") {
  struct Case {
    const char* sync;
    bool behind_one, at_end;  // of two epochs of 5 steps; the end closes rounds
  };
  TemporaryDirectory directory;
  for (Case c : {Case{"sync", true, true},
                 {"pipe", true, true},
                 {"local:period=5", true, true},
                 {"local:period=4", false, true},
                 {"lb:period=5", true, true},
                 {"lb:period=4", false, true},
                 {"crpsgd:growth=1", true, true},
                 {"liec:period=5", true, true},
                 {"liec:period=4", false, false},  // models are equal at the end, the server's error is still owed
                 {"stl:period=4,stage=5", true, true},
                 {"stl:period=4,stage=10", false, true},
                 {"stl:variant=nc1,period=5,stage=10,proximal=1", true, true},
                 {"vrl:period=5", false, false},
                 {"cocod:period=5", false, true},
                 {"easgd:period=5", false, false},
                 {"mem", false, false},
                 {"doublesqueeze", false, false},
                 {"neolithic", false, false},
                 {"cser:period=5", false, false}}) {
    Config config = team_run(directory, "run", c.sync);
    config.data.batch_size = 64;
    config.resume = train_whole(config).run;
    config.optim.epochs = 3;
    config.sync.workers = 2;
    fs::path run = config.resume, end = checkpoint(run, 10);
    for (bool permitted : {c.at_end, c.behind_one}) {
      INFO(c.sync << (fs::exists(end) ? ", at the end" : ", behind the first epoch"));
      fs::path copy = directory.path() / "copy";
      fs::copy(run, copy, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
      config.resume = copy;
      double rounds = worker_state(copy, fs::exists(end) ? 10 : 5)["rounds"];
      if (!permitted) {
        CHECK_THROWS_WITH(train_whole(config), Catch::Contains("of 4 workers that each remember something") &&
                                                   Catch::Contains("now there are 2: --allow-world-change"));
        config.sync.world_change = true;
      }
      CHECK_NOTHROW(train_whole(config));
      CHECK(last_line(copy)[0] == 2);       // the third epoch
      CHECK(last_line(copy)[11] > rounds);  // which go on counting
      config.sync.world_change = false;
      fs::remove_all(copy);
      fs::remove_all(end);
    }
    fs::remove_all(run);
  }
}

TEST_CASE("in the middle of an epoch the number of workers changes only if permitted, and it begins anew",
          "[trainer]") {
  TemporaryDirectory directory;
  Config config = team_run(directory, "run", "sync");
  Watcher watcher;
  watcher.stop_after = 12;
  auto stopped = train(config, watcher, watcher.stop);
  REQUIRE(stopped.stopped);
  config.resume = stopped.run;
  config.sync.workers = 2;
  CHECK_THROWS_WITH(train_whole(config), Catch::Contains("from the middle of an epoch that 4 workers share out") &&
                                             Catch::Contains("now there are 2: --allow-world-change"));
  config.sync.world_change = true;
  Watcher rest;
  CHECK(train(config, rest, rest.stop).top1 > 50);
  CHECK(rest.steps == 22);  // all of the second epoch, by two
}

TEST_CASE("STL-SGD goes on in its stage with another number of workers", "[trainer]") {
  TemporaryDirectory directory;
  Config config = team_run(directory, "stl", "stl:variant=sc,iid=true,period=2,stage=4");
  config.optim.epochs = 1;  // 11 steps: the stage of 4, and 7 of that of 8, in which they meet every 4 steps
  auto first = train_whole(config);
  auto before = last_line(first.run);
  config.resume = first.run;
  config.optim.epochs = 2;
  config.sync.workers = 2;  // 22 steps: the last of that stage, the stage of 16 with a period of 8, and 5 more
  auto after = last_line(train_whole(config).run);
  CHECK(before[11] == 2 + 2);
  CHECK(after[11] == before[11] + 1 + 2 + 1);
  CHECK(after[9] > before[9]);  // bytes go on counting
}

TEST_CASE("a run goes on with the algorithm that it began with, or without one", "[trainer]") {
  TemporaryDirectory directory;
  Config sync = team_run(directory, "sync", "sync"), none = team_run(directory, "none", "none");
  none.sync.workers = 1;
  for (Config* config : {&sync, &none}) {
    config->optim.epochs = 1;
    config->resume = train_whole(*config).run;
    config->optim.epochs = 2;
  }
  auto refused = [](Config config, const std::string& now, int workers, const char* why) {
    config.sync.algorithm = now;
    config.sync.workers = workers;
    CHECK_THROWS_WITH(train_whole(config), Catch::Contains(why) && Catch::Contains("--pretrained"));
  };
  refused(sync, "local:period=2", 4, "is of --sync sync, now it is local");
  refused(sync, "none", 1, "is of --sync sync, now it is none");
  refused(none, "sync", 4, "is of --sync none, now it is sync");
  CHECK(train_whole(none).top1 > 50);
}
