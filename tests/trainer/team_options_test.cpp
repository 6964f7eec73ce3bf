// What a single worker can be told to do, several do together.

#include <stint/dist/in_process.h>
#include <stint/tools/data/configured.h>
#include <stint/tools/trainer/sync_plan.h>
#include <stint/tools/trainer/synchroniser.h>
#include <stint/tools/trainer/training.h>

#include <catch2/catch.hpp>
#include <mutex>

#include "team_fixtures.h"

using namespace stint;
using namespace stint::test;

namespace {

constexpr int workers = 3;

struct Worker {
  Training& training;
  Synchroniser& synchroniser;
  Loader& loader;
  int rank;

  Batch batch(std::int64_t i) { return loader.batch(0, workers * i + rank, Device::cpu()); }
  Reals parameters() const { return to_reals(training.state().parameters()); }
  Reals buffers() const { return to_reals(training.state().buffers()); }
  Reals average() const { return to_reals(training.ema()->parameters()); }
};

/// Runs `body` as three workers that share the digits.
void as_team(const Config& config, const std::function<void(Worker&)>& body) {
  DataSet data = load_dataset(config);
  dist::run_workers(workers, std::chrono::seconds(20), [&](dist::Communicator& group) {
    Loader loader = Loader::shuffled(data.train, config.data.batch_size, 1);
    Training training(config, data.train, loader.batches(), Device::cpu());
    Synchroniser synchroniser(config, group, training, 1.0 / workers);
    training.set_synchroniser(&synchroniser);
    Worker worker{training, synchroniser, loader, group.rank()};
    body(worker);
  });
}

Config team(const std::string& algorithm) {
  Config config;
  config.model.name = "resnet20";
  config.data.batch_size = 4;
  config.optim.lr = 0.05;
  config.sync.algorithm = algorithm;
  config.sync.workers = workers;
  return config;
}

double gap(const Reals& a, const Reals& b) {
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

}  // namespace

TEST_CASE("a step that is not finite on one worker is skipped on all, and leaves no trace", "[trainer]") {
  for (const char* algorithm : {"sync", "local:period=2", "liec:period=3", "vrl:period=2"}) {
    Config config = team(algorithm);
    config.optim.on_nan = "skip";
    std::vector<std::string> wrong(workers);
    std::vector<Reals> last(workers);
    as_team(config, [&](Worker& worker) {
      auto expect = [&](bool good, const char* what) {
        if (!good) wrong[worker.rank] += std::string(what) + "; ";
      };
      expect(!worker.training.step(worker.batch(0)).skipped, "a good step was skipped");
      Reals parameters = worker.parameters(), buffers = worker.buffers();
      std::int64_t rounds = worker.synchroniser.algorithm().rounds();
      Batch batch = worker.batch(1);
      if (worker.rank == 1) batch.images.data<float>()[5] = NAN;
      expect(worker.training.step(batch).skipped, "a bad step was not skipped");
      expect(worker.parameters() == parameters, "the parameters have changed");
      expect(worker.buffers() == buffers, "the buffers have changed");
      expect(worker.synchroniser.algorithm().rounds() == rounds, "the workers have met");
      for (int i = 2; i < 5; ++i) worker.training.step(worker.batch(i));
      expect(worker.parameters() != parameters, "nothing is learnt any more");
      worker.synchroniser.with_consensus([&] { last[worker.rank] = worker.parameters(); });
    });
    INFO(algorithm);
    for (int r = 0; r < workers; ++r) {
      CHECK(wrong[r] == "");
      CHECK(last[r] == last[0]);
      CHECK(std::isfinite(last[r][100]));
    }
  }
}

TEST_CASE("a plan counts the word that asks whether a step is to be skipped", "[trainer]") {
  Config config = team("sync");
  config.optim.on_nan = "skip";
  SyncPlan plan = plan_sync(config, load_dataset(config).train);
  std::vector<std::size_t> sent(workers);
  as_team(config, [&](Worker& worker) {
    for (int i = 0; i < 2; ++i) worker.training.step(worker.batch(i));
    sent[worker.rank] = worker.synchroniser.group().traffic().sent[static_cast<int>(dist::Payload::control)];
  });
  REQUIRE(sent[1] > 0);
  CHECK(plan.traffic.sent[static_cast<int>(dist::Payload::control)] * 2 == sent[1] * plan.steps);
}

TEST_CASE("a plan has the steps and rounds of the run, with accumulated batches and unequal shards too", "[trainer]") {
  for (const char* shard : {"iid", "dirichlet:1"}) {
    TemporaryDirectory directory;
    Config config = team_run(directory, "run", "stl:variant=nc1,period=2,stage=2");
    config.optim.grad_accum_steps = 2;
    config.data.shard = shard;
    config.data.batch_size = 16;
    SyncPlan plan = plan_sync(config, load_dataset(config).train);
    Watcher watcher;
    train(config, watcher, watcher.stop);
    INFO(shard);
    CHECK(plan.run_steps == watcher.steps);
    CHECK(plan.rounds == last_line(directory.path() / "run").at(11));  // sync_rounds
    std::int64_t rounds = 0, steps = 0;
    for (const auto& stage : plan.stages) {
      rounds += stage.rounds();
      steps += stage.steps;
    }
    CHECK(rounds == plan.rounds);
    CHECK(steps == watcher.steps);
  }
  Config config = team("sync");
  config.optim.grad_accum_steps = 1000;
  CHECK_THROWS_WITH(plan_sync(config, load_dataset(config).train), Catch::Contains("fewer than the 1000 of a step"));
}

TEST_CASE("the average over time is that of the workers' mean", "[trainer]") {
  constexpr double decay = 0.8;
  for (const char* algorithm : {"sync", "local:period=3", "liec:period=4", "cocod:period=3"}) {
    Config config = team(algorithm);
    config.optim.model_ema = true;
    config.optim.model_ema_decay = decay;
    std::vector<std::vector<Reals>> models(workers);  // [rank][moment]
    std::vector<Reals> seen(workers), own_before(workers), own_after(workers);
    as_team(config, [&](Worker& worker) {
      models[worker.rank].push_back(worker.parameters());
      for (int i = 0; i < 5; ++i) {
        worker.training.step(worker.batch(i));
        models[worker.rank].push_back(worker.parameters());
      }
      own_before[worker.rank] = worker.average();
      worker.synchroniser.with_consensus([&] { seen[worker.rank] = worker.average(); });
      own_after[worker.rank] = worker.average();
    });
    Reals expected = models[0][0];
    for (int i = 1; i <= 5; ++i) {
      for (std::size_t j = 0; j < expected.size(); ++j) {
        double mean = (models[0][i][j] + models[1][i][j] + models[2][i][j]) / workers;
        expected[j] = decay * expected[j] + (1 - decay) * mean;
      }
    }
    INFO(algorithm);
    CHECK(gap(expected, models[0][5]) > 1e-3);
    for (int r = 0; r < workers; ++r) {
      CHECK(gap(seen[r], expected) < 3e-6);
      CHECK(own_after[r] == own_before[r]);
    }
    CHECK((own_before[0] == own_before[1]) == (std::string(algorithm) == "sync"));
  }
}

TEST_CASE("the drift sentinel sees models, optimisers and buffers where they must agree, and nowhere else",
          "[trainer]") {
  enum class Of { model, optimiser, buffers };
  struct Case {
    const char *algorithm, *buffers;
    int steps;
    Of changed;
    const char* named;  // by the sentinel; empty: nothing
    bool everything = false;
  };
  for (Case c : {Case{"sync", "mean", 1, Of::model, "layer2.0.conv1.weight"},
                 {"sync", "mean", 1, Of::optimiser, "velocity of layer2.0.conv1.weight"},
                 {"sync", "mean", 1, Of::buffers, ""},
                 {"sync", "root-every-step", 1, Of::buffers, "layer2.0.bn1.running_mean"},
                 {"sync", "mean", 0, Of::buffers, "layer2.0.bn1.running_mean", true},
                 {"local:period=2", "mean", 2, Of::model, "layer2.0.conv1.weight"},
                 {"local:period=2", "mean", 2, Of::optimiser, "velocity of layer2.0.conv1.weight"},
                 {"local:period=2", "mean", 2, Of::buffers, "layer2.0.bn1.running_mean"},
                 {"local:period=2", "root", 2, Of::buffers, "layer2.0.bn1.running_mean"},
                 {"local:period=2", "local", 2, Of::buffers, ""},
                 {"local:period=2", "mean", 3, Of::model, ""},
                 {"local:period=2", "root-every-step", 3, Of::buffers, "layer2.0.bn1.running_mean"},
                 {"liec:period=2", "mean", 2, Of::buffers, "layer2.0.bn1.running_mean"},
                 {"easgd:period=2", "mean", 2, Of::model, ""},
                 {"easgd:period=2", "mean", 0, Of::model, "layer2.0.conv1.weight", true}}) {
    INFO(c.algorithm << ", --buffers " << c.buffers << ", after " << c.steps << " steps");
    Config config = team(c.algorithm);
    config.sync.buffers = c.buffers;
    config.optim.momentum = 0.9;
    std::vector<std::string> before(workers), said(workers);
    as_team(config, [&](Worker& worker) {
      auto look = [&] {
        try {
          worker.synchroniser.check_drift(c.everything);
        } catch (const Error& error) {
          return error.kind() == ErrorKind::drifted ? std::string(error.what()) : "another kind of error";
        }
        return std::string();
      };
      for (int i = 0; i < c.steps; ++i) worker.training.step(worker.batch(i));
      before[worker.rank] = look();
      ModelState& state = worker.training.state();
      const Block* weight = state.parameter_table().find("layer2.0.conv1.weight");
      const Block* mean = state.buffer_table().find("layer2.0.bn1.running_mean");
      if (worker.rank == 2) {
        if (c.changed == Of::model) state.parameters().data<float>()[weight->offset + 5] += 1;
        if (c.changed == Of::optimiser) {
          worker.training.optimiser().state()[0].tensor.data<float>()[weight->offset + 5] += 1;
        }
        if (c.changed == Of::buffers) state.buffers().data<float>()[mean->offset + 5] += 1;
      }
      said[worker.rank] = look();
    });
    for (int r = 0; r < workers; ++r) {
      CHECK(before[r] == "");
      CHECK(said[r] == (*c.named ? "sync: rank 2 differs from rank 0 in " + std::string(c.named) +
                                       ", where all workers must be equal"
                                 : ""));
    }
  }
}
