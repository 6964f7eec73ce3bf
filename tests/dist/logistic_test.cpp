// Logistic regression with l2 on a9a.t, dealt out IID or sorted by label: what the papers claim of real data.

#include "logistic.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <numeric>
#include <sstream>

#include "../shared_data.h"

namespace stint::test {

std::vector<Logistic::Sample> Logistic::read() {
  std::ifstream file(shared_data("a9a.t"));
  std::vector<Sample> samples;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    Sample sample;
    words >> sample.label;
    for (std::string word; words >> word;) sample.ones.push_back(std::stoi(word) - 1);
    samples.push_back(std::move(sample));
  }
  return samples;
}

Logistic::Logistic(std::vector<Sample> all, int workers, bool by_label) : samples(std::move(all)), shards(workers) {
  std::vector<int> order(samples.size());
  std::iota(order.begin(), order.end(), 0);
  auto less = [&](int a, int b) { return samples[a].label < samples[b].label; };
  if (by_label) std::stable_sort(order.begin(), order.end(), less);
  std::size_t share = samples.size() / workers;
  for (std::size_t i = 0; i < share * workers; ++i) shards[by_label ? i / share : i % workers].push_back(order[i]);
}

/// Adds a sample's loss and, where wanted, its gradient.
double Logistic::add(const Sample& sample, const float* x, double share, float* g) const {
  double z = x[features];
  for (int j : sample.ones) z += x[j];
  double slope = -sample.label / (1 + std::exp(sample.label * z));
  if (g) {
    for (int j : sample.ones) g[j] += static_cast<float>(share * slope);
    g[features] += static_cast<float>(share * slope);
  }
  return share * std::log1p(std::exp(-sample.label * z));
}

double Logistic::loss(const Reals& x) const {
  std::vector<float> at(x.begin(), x.end());
  double sum = 0;
  for (double value : x) sum += l2 / 2 * value * value;
  std::size_t count = shards[0].size() * shards.size();
  for (const auto& shard : shards) {
    for (int i : shard) sum += add(samples[i], at.data(), 1.0 / static_cast<double>(count), nullptr);
  }
  return sum;
}

GradientOf Logistic::gradient(std::int64_t batch) const {
  return [=, this](int rank, std::int64_t t, const Tensor& x, const Tensor& g) {
    for (int j = 0; j <= features; ++j) g.data<float>()[j] = static_cast<float>(l2) * x.data<float>()[j];
    const auto& shard = shards[rank];
    std::int64_t count = batch > 0 ? batch : static_cast<std::int64_t>(shard.size());
    RandomSequence random{3, static_cast<std::uint64_t>(rank * 1000000 + t)};
    for (std::int64_t i = 0; i < count; ++i) {
      int which = shard[batch > 0 ? random.below(i, shard.size()) : i];
      add(samples[which], x.data<float>(), 1.0 / static_cast<double>(count), g.data<float>());
    }
  };
}

}  // namespace stint::test

using namespace stint;
using namespace stint::test;

namespace {

constexpr int workers = 8;

Experiment experiment(const Logistic& problem, const std::string& algorithm, std::int64_t steps, float rate,
                      std::int64_t batch) {
  Experiment e;
  e.algorithm = algorithm;
  e.size = workers;
  e.steps = steps;
  e.lr = [=](std::int64_t) { return rate; };
  e.table.add("weight", {Logistic::features + 1}, true);
  e.gradient = problem.gradient(batch);
  return e;
}

}  // namespace

TEST_CASE("a9a sorted by label: VRL-SGD reaches what synchronous SGD reaches, Local SGD does not, CoCoD-SGD less",
          "[dist]") {
  auto samples = Logistic::read();
  if (samples.empty()) return;
  REQUIRE(samples.size() == 16281);
  samples.resize(4096);
  Logistic problem(samples, workers, true);
  auto gap = [&](const std::string& algorithm, std::int64_t steps) {
    return problem.loss(run(experiment(problem, algorithm, steps, 0.5f, 0)).consensus);
  };
  double sync = gap("sync", 600), vrl = gap("vrl:period=20", 600), local = gap("local:period=20", 600);
  double cocod = gap("cocod:period=20", 600), cocod_often = gap("cocod:period=5", 600);
  double start = problem.loss(Reals(Logistic::features + 1));
  INFO("loss: start " << start << ", sync " << sync << ", vrl " << vrl << ", local " << local << ", cocod " << cocod
                      << ", with shorter rounds " << cocod_often);
  CHECK(start == Approx(std::log(2)));
  CHECK(sync < 0.45);
  CHECK(vrl < sync + 1e-3);
  CHECK(local > sync + 1e-2);
  CHECK(cocod > local + 1e-2);
  CHECK(cocod > cocod_often + 1e-2);
}

TEST_CASE("a9a IID: STL-SGD reaches Local SGD's loss in far fewer rounds", "[dist]") {
  auto samples = Logistic::read();
  if (samples.empty()) return;
  Logistic problem(samples, workers, false);
  Course stl = run(experiment(problem, "stl:period=4,stage=100", 1500, 0.5f, 16));
  Course local = run(experiment(problem, "local:period=4", 1500, 0.5f, 16));
  Course liec = run(experiment(problem, "liec:period=32", 1500, 0.1f, 16));
  double vrl_loss = problem.loss(run(experiment(problem, "vrl:period=4", 1500, 0.5f, 16)).consensus);
  double stl_loss = problem.loss(stl.consensus), local_loss = problem.loss(local.consensus);
  INFO("loss: stl " << stl_loss << " in " << stl.rounds << " rounds, local " << local_loss << " in " << local.rounds
                    << ", liec " << problem.loss(liec.consensus) << ", vrl " << vrl_loss);
  CHECK(stl_loss < local_loss + 1e-3);
  CHECK(stl.rounds == 100);
  CHECK(local.rounds == 375);
  CHECK(vrl_loss == Approx(local_loss).margin(2e-3));  // workers alike: little to correct
  CHECK(problem.loss(liec.consensus) < stl_loss + 0.02);
}
