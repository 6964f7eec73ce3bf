// CoCoD-SGD (IJCAI 2019, arXiv 1906.12043). A round of k steps starts at equal times on all workers:
//   snapshot s_i <- x_i; start A = sum_j p_j s_j in the background; k local steps on x_i meanwhile;
//   when both are there: x_i <- A + (x_i - s_i), and the next round starts at once, so that all its k steps hide it.
// p_j = M_j / M, the worker's share of the samples. The workers are equal at the ends of a run alone; what they stand
// for is sum_j p_j x_j.

#include <stint/dist/algorithms/algorithms.h>
#include <stint/kernels/vector/vector.h>

namespace stint::dist {

namespace {

class CocodSgd : public Algorithm {
 public:
  CocodSgd(const Setting& setting, std::int64_t period)
      : Algorithm(setting), period_(period), snapshot_(flat_vector()), average_(flat_vector()) {}

  void step(StepContext& context) override {
    if (!started_) start(context);
    context.update.apply(context.parameters, context.gradients, context.lr);
    if (++since_ == period_) {
      merge(context);
      start(context);
    }
    share_buffers(context);
  }

  /// The run ends: the last progress is merged, and the models become their average. Without progress since the last
  /// round that is what is under way.
  void finish(StepContext& context) override {
    if (!started_) return;
    bool progress = since_ > 0;
    merge(context);
    if (progress) {
      consensus(context, context.parameters);
      met();
    }
    make_rest_equal(context);
    started_ = false;
  }

  void consensus(const StepContext& context, const Tensor& out) override {
    if (out.raw() != context.parameters.raw()) out.copy_from(context.parameters);
    if (!started_) return;
    scale(weight(context), out);
    start_mean(out, Payload::parameter, Reduce::sum).wait();
  }

  bool replicas_agree() const override { return !started_; }
  bool averages() const override { return true; }
  bool remembers() const override { return started_; }
  std::vector<NamedTensor> state() override {
    under_way_.wait();
    return {{"snapshot", snapshot_}, {"average", average_}};
  }
  std::vector<double> counters() const override { return {static_cast<double>(since_), started_ ? 1.0 : 0.0}; }
  void set_counters(const std::vector<double>& counters) override {
    since_ = static_cast<std::int64_t>(counters.at(0));
    started_ = counters.size() < 2 ? since_ > 0 : counters[1] != 0;  // older checkpoints lie between two rounds
  }

 private:
  float weight(const StepContext& context) const {
    return context.weight > 0 ? context.weight : 1.0f / static_cast<float>(workers());
  }

  void start(const StepContext& context) {
    snapshot_.copy_from(context.parameters);
    average_.copy_from(context.parameters);
    scale(weight(context), average_);
    under_way_ = start_mean(average_, Payload::parameter, Reduce::sum);
    started_ = true;
    met();
  }

  void merge(const StepContext& context) {
    under_way_.wait();
    axpy(-1, snapshot_, context.parameters);
    add_to(average_, context.parameters, true);
    since_ = 0;
  }

  std::int64_t period_;
  Tensor snapshot_, average_;
  Work under_way_;
  bool started_ = false;  // a round: snapshot and average are of use
  std::int64_t since_ = 0;
};

}  // namespace

AlgorithmMaker cocod_sgd(Arguments& arguments, const std::string&) {
  std::int64_t period = arguments.integer("period", 8);
  return [=](const Setting& setting) { return std::make_unique<CocodSgd>(setting, period); };
}

}  // namespace stint::dist
