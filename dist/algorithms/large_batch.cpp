// Synchronous SGD on batches that are larger than what a worker computes at once: one update with the mean gradient
// over n batches a worker.
//   LB-SGD: n = k always: as many gradients as Local SGD with period k, one update instead of k.
//   CR-PSGD (Yu & Jin, ICML 2019): batches grow geometrically: B_{r+1} = rho B_r, n_r = ceil(B_r) in units of a batch.

#include <stint/dist/algorithms/algorithms.h>
#include <stint/kernels/vector/vector.h>

#include <cmath>

namespace stint::dist {

namespace {

class LargeBatch : public Algorithm {
 public:
  LargeBatch(const Setting& setting, double batches, double growth)
      : Algorithm(setting), growth_(growth), batches_(batches), sum_(flat_vector()) {}

  void step(StepContext& context) override {
    add_to(context.gradients, sum_, gathered_ > 0);
    ++gathered_;
    if (gathered_ >= std::ceil(batches_)) finish(context);
    share_buffers(context);
  }

  void finish(StepContext& context) override {
    if (gathered_ == 0) return;
    scale(1.0f / static_cast<float>(gathered_), sum_);
    start_mean(sum_, Payload::gradient).wait();
    context.update.apply(context.parameters, sum_, context.lr);
    met();
    gathered_ = 0;
    batches_ *= growth_;
  }

  bool replicas_agree() const override { return true; }
  bool remembers() const override { return gathered_ > 0; }
  std::vector<NamedTensor> state() override { return {{"gradient_sum", sum_}}; }
  std::vector<double> counters() const override { return {static_cast<double>(gathered_), batches_}; }
  void set_counters(const std::vector<double>& counters) override {
    gathered_ = static_cast<std::int64_t>(counters.at(0));
    batches_ = counters.at(1);
  }

 private:
  double growth_;
  double batches_;  // of the update under way
  std::int64_t gathered_ = 0;
  Tensor sum_;
};

}  // namespace

AlgorithmMaker large_batch_sgd(Arguments& arguments, const std::string&) {
  auto batches = static_cast<double>(arguments.integer("period", 8));
  return [=](const Setting& setting) { return std::make_unique<LargeBatch>(setting, batches, 1); };
}

AlgorithmMaker cr_psgd(Arguments& arguments, const std::string&) {
  double growth = arguments.number("growth", 1.1, 1.0, 1e6);
  return [=](const Setting& setting) { return std::make_unique<LargeBatch>(setting, 1, growth); };
}

}  // namespace stint::dist
