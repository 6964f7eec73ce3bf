// VRL-SGD (arXiv 1912.12844). Worker i keeps a correction D_i, initially 0:
//   local step:   x_i <- x_i - lr (g_i(x_i) - D_i)
//   every k steps: xhat = mean_j x_j;  D_i <- D_i + (xhat - x_i) / (sum of the round's rates);  x_i <- xhat
// The workers reduce how far they have come, x_i - (start of the round), and not x_i: differences are small, so what
// rounding adds to sum_i D_i, which stays there, is small too. D_i is subtracted behind the optimiser's own step, so
// that momentum filters g_i alone, as the authors do it. warmup: the first round is one step long, so that D_i =
// g_i(x_0) - mean g(x_0) at once (VRL-SGD-W). epoch_end=E: the authors' code also averages the models every E steps,
// without a new D_i and without a new round.

#include <stint/dist/algorithms/algorithms.h>
#include <stint/kernels/vector/vector.h>

namespace stint::dist {

namespace {

struct VrlOptions {
  std::int64_t period;
  bool warmup;
  std::int64_t epoch_end;  // 0: as published
};

class VrlSgd : public Algorithm {
 public:
  VrlSgd(const Setting& setting, VrlOptions options)
      : Algorithm(setting), options_(options), correction_(flat_vector()), start_(flat_vector()) {}

  void step(StepContext& context) override {
    if (agree_) start_.copy_from(context.parameters);
    context.update.apply(context.parameters, context.gradients, context.lr);
    axpy(context.lr, correction_, context.parameters);
    rates_ += context.lr;
    ++steps_;
    agree_ = false;
    if (++since_ >= (options_.warmup && rounds_done_ == 0 ? 1 : options_.period)) close_round(context);
    if (options_.epoch_end > 0 && steps_ % options_.epoch_end == 0 && !agree_) average(context, 0);
    share_buffers(context);
  }

  void finish(StepContext& context) override {
    if (since_ > 0) close_round(context);
  }

  bool replicas_agree() const override { return agree_; }
  bool averages() const override { return true; }
  bool remembers() const override { return true; }
  std::vector<NamedTensor> state() override { return {{"correction", correction_}, {"start", start_}}; }
  std::vector<double> counters() const override {
    return {static_cast<double>(since_), static_cast<double>(steps_), static_cast<double>(rounds_done_), rates_,
            agree_ ? 1.0 : 0.0};
  }
  void set_counters(const std::vector<double>& c) override {
    since_ = static_cast<std::int64_t>(c.at(0));
    steps_ = static_cast<std::int64_t>(c.at(1));
    rounds_done_ = static_cast<std::int64_t>(c.at(2));
    rates_ = c.at(3);
    agree_ = c.at(4) != 0;
  }

 private:
  /// xhat, by way of the distances from where the workers were equal; `share` of them goes into the correction.
  void average(StepContext& context, float share) {
    const Tensor& x = context.parameters;
    axpy(-1, start_, x);
    if (share > 0) axpy(-share, x, correction_);
    Work work = start_mean(x, Payload::parameter);
    make_rest_equal(context);
    work.wait();
    if (share > 0) axpy(share, x, correction_);
    add_to(start_, x, true);
    met();
    agree_ = true;
  }

  void close_round(StepContext& context) {
    average(context, rates_ > 0 ? static_cast<float>(1 / rates_) : 0);
    ++rounds_done_;
    since_ = 0;
    rates_ = 0;
  }

  VrlOptions options_;
  Tensor correction_, start_;
  std::int64_t since_ = 0;
  std::int64_t steps_ = 0;
  std::int64_t rounds_done_ = 0;
  double rates_ = 0;  // applied in this round
  bool agree_ = true;
};

}  // namespace

AlgorithmMaker vrl_sgd(Arguments& arguments, const std::string&) {
  VrlOptions options{arguments.integer("period", 20), arguments.flag("warmup", false),
                     arguments.integer("epoch_end", 0, 0)};
  return [=](const Setting& setting) { return std::make_unique<VrlSgd>(setting, options); };
}

}  // namespace stint::dist
