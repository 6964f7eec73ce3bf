// Probes against figures that are worked out here, in doubles, from the values of a small net.

#include <stint/kernels/vector/vector.h>
#include <stint/tools/trainer/probe.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>

#include "../op_case_tensors.h"

using namespace stint;
using namespace stint::test;

namespace {

constexpr double share = 0.7;  // that is dropped
constexpr std::size_t hidden = 24, classes = 10;

using Matrix = std::vector<Reals>;  // rows

Matrix rows_of(const Reals& values, std::size_t width) {
  Matrix matrix(values.size() / width);
  for (std::size_t i = 0; i < values.size(); ++i) matrix[i / width].push_back(values[i]);
  return matrix;
}

double dot(const Reals& a, const Reals& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

/// With zeros for all but the floor(M (1 - share)) largest magnitudes.
Reals only_largest(const Reals& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](auto a, auto b) { return std::abs(values[a]) > std::abs(values[b]); });
  Reals kept(values.size(), 0.0);
  auto count = static_cast<std::size_t>(static_cast<double>(values.size()) * (1.0 - share));
  for (std::size_t i = 0; i < count; ++i) kept[order[i]] = values[order[i]];
  return kept;
}

/// dW = dy^T x of a linear layer, dy [N,O], x [N,I].
Reals weight_gradient(const Matrix& dy, const Matrix& x) {
  Reals sums(dy[0].size() * x[0].size());
  for (std::size_t n = 0; n < dy.size(); ++n) {
    for (std::size_t o = 0; o < dy[n].size(); ++o) {
      for (std::size_t i = 0; i < x[n].size(); ++i) sums[o * x[n].size() + i] += dy[n][o] * x[n][i];
    }
  }
  return sums;
}

/// (softmax(y) - one-hot(labels)) / N
Matrix loss_gradient(Matrix logits, const Reals& labels) {
  auto count = static_cast<double>(logits.size());
  for (std::size_t n = 0; n < logits.size(); ++n) {
    for (double& logit : logits[n]) logit = std::exp(logit);
    double sum = std::accumulate(logits[n].begin(), logits[n].end(), 0.0);
    for (double& value : logits[n]) value /= sum * count;
    logits[n][static_cast<std::size_t>(labels[n])] -= 1 / count;
  }
  return logits;
}

/// dy W behind a ReLU whose output was y.
Matrix relu_gradient(const Matrix& dy, const Matrix& weight, const Matrix& y) {
  Matrix dx(y.size(), Reals(y[0].size(), 0.0));
  for (std::size_t n = 0; n < dx.size(); ++n) {
    for (std::size_t i = 0; i < dx[n].size(); ++i) {
      for (std::size_t o = 0; o < weight.size(); ++o) dx[n][i] += y[n][i] > 0 ? dy[n][o] * weight[o][i] : 0;
    }
  }
  return dx;
}

void check(const LayerProbe& row, const Reals& x, const Matrix& dy) {
  INFO(row.layer);
  Reals kept = only_largest(x);
  Reals exact = weight_gradient(dy, rows_of(x, hidden)), dropped = weight_gradient(dy, rows_of(kept, hidden));
  Reals error = exact;
  for (std::size_t i = 0; i < error.size(); ++i) error[i] -= dropped[i];
  CHECK(row.input.elements == static_cast<std::int64_t>(x.size()));
  CHECK(row.input.kept_energy == Approx(dot(kept, kept) / dot(x, x)).epsilon(1e-5));
  CHECK(row.cosine == Approx(dot(exact, dropped) / std::sqrt(dot(exact, exact) * dot(dropped, dropped))).epsilon(1e-5));
  CHECK(row.relative_error == Approx(std::sqrt(dot(error, error) / dot(exact, exact))).epsilon(1e-4));
  CHECK(row.relative_error > 0.01);  // there is something to tell
}

Reals parameter(Training& training, const std::string& name) {
  Tensor flat = training.state().parameters().copy_to(Device::cpu());
  for (const Block& block : training.state().parameter_table().blocks()) {
    if (block.name != name) continue;
    auto part = flat.span<float>().subspan(block.offset, block.count);
    return {part.begin(), part.end()};
  }
  FAIL("no parameter " << name);
  return {};
}

Config net(const std::string& model, const std::string& drop) {
  Config config;
  config.device = devices().back().name();
  config.model.name = model;
  config.memory.drop = drop;
  return config;
}

}  // namespace

TEST_CASE("a probe's figures are those that follow from the layers' values", "[trainer]") {
  Config config = net("mlp", fmt::format("mink:gamma={}", share));
  config.model.kwargs = {{"hidden", std::to_string(hidden)}};
  config.data.batch_size = 32;
  DataSet data = load_dataset(config);
  Loader loader = Loader::shuffled(data.train, 32, 1);
  Training training(config, data.train, loader.batches(), Device::parse(config.device));
  Batch batch = loader.batch(0, 0, training.device());

  std::map<std::string, Reals> outputs;  // of layers
  Tape tape(Tape::Mode::inference);
  tape.on_output = [&](auto, const std::string& layer, const Tensor& output) { outputs[layer] = to_reals(output); };
  training.loss(tape, batch);
  Matrix dhead = loss_gradient(rows_of(outputs.at("head"), classes), to_reals(batch.labels));
  Matrix dfc2 =
      relu_gradient(dhead, rows_of(parameter(training, "head.weight"), hidden), rows_of(outputs.at("relu2"), hidden));

  auto rows = probe(training, batch);
  REQUIRE(rows.size() == 2);  // the images are held outside
  REQUIRE(rows[0].layer == "fc2");
  check(rows[0], outputs.at("relu1"), dfc2);
  REQUIRE(rows[1].layer == "head");
  check(rows[1], outputs.at("relu2"), dhead);
}

TEST_CASE("a probe finds no error where nothing that counts is dropped", "[trainer]") {
  Config config = net("resnet20", "mink:gamma=0.0001,layers=conv");
  config.data.batch_size = 4;
  DataSet data = load_dataset(config);
  Loader loader = Loader::shuffled(data.train, config.data.batch_size, 1);
  Training training(config, data.train, loader.batches(), Device::parse(config.device));
  auto rows = probe(training, loader.batch(0, 0, training.device()));
  REQUIRE(rows.size() >= 18);
  for (const LayerProbe& row : rows) {
    CHECK(row.input.kept_energy == Approx(1));
    CHECK(row.cosine == Approx(1));
    CHECK(row.relative_error < 1e-6);
  }
}

TEST_CASE("a probe of a gradient that is zero or no number says so", "[trainer]") {
  Config config = net("mlp", "mink:gamma=0.99999");  // keeps nothing
  config.data.batch_size = 4;
  DataSet data = load_dataset(config);
  Loader loader = Loader::shuffled(data.train, config.data.batch_size, 1);
  Training training(config, data.train, loader.batches(), Device::parse(config.device));
  Batch batch = loader.batch(0, 0, training.device());
  auto rows = probe(training, batch);
  REQUIRE(!rows.empty());
  CHECK(rows[0].input.counts.kept == 0);
  CHECK(rows[0].cosine == 0);
  CHECK(rows[0].relative_error == 1);
  scale(NAN, training.state().parameters());
  rows = probe(training, batch);
  CHECK(std::isnan(rows[0].cosine));
  CHECK(std::isnan(rows[0].relative_error));
}
