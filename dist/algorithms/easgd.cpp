// Elastic averaging SGD, synchronous (Zhang, Choromanska, LeCun, NeurIPS 2015): every k steps, with the centre z and
// the models before the update,
//   x_i <- x_i - alpha (x_i - z);   z <- z + alpha sum_i (x_i - z).
// The centre is what the workers stand for. alpha = beta / N, beta = 0.9 by default.

#include <stint/dist/algorithms/algorithms.h>
#include <stint/kernels/vector/vector.h>

#include <utility>

namespace stint::dist {

namespace {

class Easgd : public Algorithm {
 public:
  Easgd(const Setting& setting, std::int64_t period, double beta)
      : Algorithm(setting),
        period_(period),
        alpha_(static_cast<float>(beta / setting.group.size())),
        centre_(flat_vector()),
        distance_(flat_vector()) {}

  void step(StepContext& context) override {
    start(context);
    context.update.apply(context.parameters, context.gradients, context.lr);
    if (++since_ == period_) finish(context);
    share_buffers(context);
  }

  void finish(StepContext& context) override {
    if (since_ == 0) return;
    distance_.copy_from(context.parameters);
    axpy(-1, centre_, distance_);
    axpy(-alpha_, distance_, context.parameters);
    start_mean(distance_, Payload::parameter, Reduce::sum).wait();
    axpy(alpha_, distance_, centre_);
    met();
    since_ = 0;
  }

  void consensus(const StepContext& context, const Tensor& out) override {
    out.copy_from(started_ ? centre_ : context.parameters);
  }

  bool replicas_agree() const override { return false; }
  bool remembers() const override { return true; }
  std::vector<NamedTensor> state() override { return {{"centre", centre_}}; }
  std::vector<double> counters() const override { return {static_cast<double>(since_), started_ ? 1.0 : 0.0}; }
  void set_counters(const std::vector<double>& counters) override {
    since_ = static_cast<std::int64_t>(counters.at(0));
    started_ = counters.at(1) != 0;
  }

 private:
  /// The centre starts where the models do.
  void start(const StepContext& context) {
    if (!std::exchange(started_, true)) centre_.copy_from(context.parameters);
  }

  std::int64_t period_;
  float alpha_;
  std::int64_t since_ = 0;
  bool started_ = false;
  Tensor centre_, distance_;
};

}  // namespace

AlgorithmMaker easgd(Arguments& arguments, const std::string&) {
  std::int64_t period = arguments.integer("period", 8);
  double beta = arguments.number("beta", 0.9, 0, 1);
  return [=](const Setting& setting) { return std::make_unique<Easgd>(setting, period, beta); };
}

}  // namespace stint::dist
