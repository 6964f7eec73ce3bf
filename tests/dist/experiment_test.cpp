#include <stint/kernels/sgd/sgd.h>
#include <stint/kernels/vector/vector.h>

#include <algorithm>
#include <cmath>
#include <mutex>

#include "../op_case_tensors.h"
#include "experiment.h"

namespace stint::test {

namespace {

/// SGD as a model's optimiser does it.
class PlainSgd : public LocalUpdate {
 public:
  PlainSgd(const BlockTable& table, Sgd rule) : rule_(rule), decays_(decay_runs(table)) {
    if (rule.momentum == 0) return;
    velocity_ = Tensor({table.extent()}, DType::f32);
    velocity_.zero();
  }

  void apply(const Tensor& x, const Tensor& direction, float lr) override {
    rule_.update(x, direction, velocity_, {}, decays_, lr);
    ++steps_;
  }
  std::vector<NamedTensor> state() override {
    if (!velocity_) return {};
    return {{"velocity", velocity_}};
  }
  std::int64_t steps() const override { return steps_; }
  void set_steps(std::int64_t steps) override { steps_ = steps; }

 private:
  Sgd rule_;
  DecayRuns decays_;
  Tensor velocity_;
  std::int64_t steps_ = 0;
};

Tensor flat_zeros(const BlockTable& table) {
  Tensor flat({table.extent()}, DType::f32);
  flat.zero();
  return flat;
}

/// A new algorithm in the place of one, with what is common to all workers alone, and of that rank 0's copy.
std::unique_ptr<dist::Algorithm> renew(dist::Algorithm& old, std::unique_ptr<dist::Algorithm> fresh,
                                       dist::Communicator& group, const dist::StepContext& context) {
  auto take_first = [&](const Tensor& x) { group.broadcast(x, 0, dist::Payload::control).wait(); };
  Tensor common(context.parameters.spec());
  common.zero();
  old.consensus(context, common);
  context.parameters.copy_from(common);
  take_first(context.parameters);
  for (const NamedTensor& each : context.update.state()) take_first(each.tensor);
  auto from = old.common_state(), to = fresh->common_state();
  for (std::size_t i = 0; i < from.size(); ++i) {
    to[i].tensor.copy_from(from[i].tensor);
    take_first(to[i].tensor);
  }
  fresh->set_counters(old.counters());
  return fresh;
}

}  // namespace

Course run(const Experiment& e) {
  Course course;
  course.steps.resize(e.size);
  course.last.resize(e.size);
  course.traffic.resize(e.size);
  auto make = dist::parse_algorithm(e.algorithm, e.compressor);
  std::mutex mutex;
  e.kind.run(e.size, 20, [&](dist::Communicator& group) {
    int rank = group.rank();
    PlainSgd update(e.table, {.momentum = e.momentum, .weight_decay = e.decay});
    dist::Setting setting{group, e.table, Device::cpu()};
    auto algorithm = make(setting);
    Tensor x = flat_zeros(e.table), g = flat_zeros(e.table);
    if (!e.start.empty()) to_flat(e.start, e.table, x);
    for (std::int64_t t = 0; t < e.steps; ++t) {
      dist::StepContext context{t, e.lr(t), x, g, {}, update, e.weights.empty() ? 0 : e.weights[rank]};
      if (t == e.renewed_at) algorithm = renew(*algorithm, make(setting), group, context);
      e.gradient(rank, t, x, g);
      Course::Moment moment{from_flat(x, e.table), from_flat(g, e.table), {}, {}, false};
      algorithm->set_watching(t + 1 == e.steps);
      algorithm->step(context);
      if (e.finish && t + 1 == e.steps) algorithm->finish(context);
      moment.after = from_flat(x, e.table);
      moment.nothing_of_its_own = algorithm->nothing_of_its_own();
      for (const NamedTensor& each : algorithm->state()) moment.state.push_back(to_reals(each.tensor));
      course.steps[rank].push_back(std::move(moment));
    }
    course.last[rank] = from_flat(x, e.table);
    course.traffic[rank] = group.traffic();
    Tensor out = flat_zeros(e.table);
    algorithm->consensus({e.steps, 0, x, g, {}, update, e.weights.empty() ? 0 : e.weights[rank]}, out);
    require(from_flat(x, e.table) == course.last[rank], "test", "the consensus has changed a model");
    std::lock_guard lock(mutex);
    if (rank != 0) return;
    course.consensus = from_flat(out, e.table);
    course.rounds = algorithm->rounds();
    course.agree = algorithm->replicas_agree();
    course.compression_error = algorithm->compression_error();
  });
  return course;
}

std::vector<std::string> missing_from(const std::vector<std::string>& texts) {
  std::vector<std::string> missing;
  for (const std::string& name : dist::algorithm_names()) {
    auto is_of_it = [&](const std::string& text) { return text.substr(0, text.find(':')) == name; };
    if (std::none_of(texts.begin(), texts.end(), is_of_it)) missing.push_back(name);
  }
  return missing;
}

void PlainDescent::apply(const Tensor& x, const Tensor& direction, float lr) {
  axpy(-lr, direction, x);
}

BlockTable ragged_table() {
  BlockTable table;
  for (std::int64_t count : {5, 40, 100, 3}) table.add(std::to_string(count), {count}, true);
  return table;
}

Quadratic::Quadratic(std::int64_t dimension, int size, std::uint64_t seed) {
  for (int i = 0; i < size; ++i) {
    a.push_back(random_reals(dimension, seed + 2 * i));
    b.push_back(random_reals(dimension, seed + 2 * i + 1));
    for (double& value : a.back()) value = 1 + 0.5 * value;
  }
}

GradientOf Quadratic::gradient(const BlockTable& table) const {
  return [this, &table](int rank, std::int64_t, const Tensor& x, const Tensor& g) {
    std::size_t j = 0;
    for (const Block& block : table.blocks()) {
      for (std::int64_t i = block.offset; i < block.offset + block.count; ++i, ++j) {
        g.data<float>()[i] = static_cast<float>(a[rank][j] * (x.data<float>()[i] - b[rank][j]));
      }
    }
  };
}

Reals Quadratic::minimiser() const {
  Reals x(a[0].size());
  for (std::size_t j = 0; j < x.size(); ++j) {
    double weight = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      weight += a[i][j];
      x[j] += a[i][j] * b[i][j];
    }
    x[j] /= weight;
  }
  return x;
}

Reals mean_of(const std::vector<Reals>& vectors) {
  Reals mean(vectors[0].size());
  for (const Reals& each : vectors) mean = plus(mean, each, 1.0 / static_cast<double>(vectors.size()));
  return mean;
}

double distance(const Reals& x, const Reals& y) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += (x[i] - y[i]) * (x[i] - y[i]);
  return std::sqrt(sum);
}

Reals plus(Reals x, const Reals& y, double factor) {
  for (std::size_t i = 0; i < x.size(); ++i) x[i] += factor * y[i];
  return x;
}

Reals from_flat(const Tensor& flat, const BlockTable& table) {
  Reals values;
  for (const Block& block : table.blocks()) {
    const float* from = flat.data<float>() + block.offset;
    values.insert(values.end(), from, from + block.count);
  }
  return values;
}

void to_flat(const Reals& values, const BlockTable& table, const Tensor& flat) {
  auto from = values.begin();
  for (const Block& block : table.blocks()) {
    for (std::int64_t i = 0; i < block.count; ++i) flat.data<float>()[block.offset + i] = static_cast<float>(*from++);
  }
}

}  // namespace stint::test
