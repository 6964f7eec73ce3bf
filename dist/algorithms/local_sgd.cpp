// Local SGD (FedAvg): k local steps, then x_i <- mean_j x_j.

#include <stint/dist/algorithms/algorithms.h>

namespace stint::dist {

namespace {

class LocalSgd : public Algorithm {
 public:
  LocalSgd(const Setting& setting, std::int64_t period) : Algorithm(setting), period_(period) {}

  void step(StepContext& context) override {
    context.update.apply(context.parameters, context.gradients, context.lr);
    ++since_;
    if (since_ == period_) finish(context);
    share_buffers(context);
  }

  void finish(StepContext& context) override {
    if (since_ == 0) return;
    make_equal(context);
    met();
    since_ = 0;
  }

  bool replicas_agree() const override { return since_ == 0; }
  bool averages() const override { return true; }
  bool remembers() const override { return false; }
  std::vector<double> counters() const override { return {static_cast<double>(since_)}; }
  void set_counters(const std::vector<double>& counters) override {
    since_ = static_cast<std::int64_t>(counters.at(0));
  }

 private:
  std::int64_t period_;
  std::int64_t since_ = 0;  // local steps since the models were equal
};

}  // namespace

AlgorithmMaker local_sgd(Arguments& arguments, const std::string&) {
  std::int64_t period = arguments.integer("period", 8);
  return [=](const Setting& setting) { return std::make_unique<LocalSgd>(setting, period); };
}

}  // namespace stint::dist
