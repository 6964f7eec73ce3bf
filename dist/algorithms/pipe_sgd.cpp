// Pipe-SGD: synchronous SGD with gradients that are one step late, so that their reduction overlaps the next gradient:
//   x_{t+1} = x_t - lr * mean_i g_i(x_{t-1}).

#include <stint/dist/algorithms/algorithms.h>

#include <utility>

namespace stint::dist {

namespace {

class PipeSgd : public Algorithm {
 public:
  explicit PipeSgd(const Setting& setting) : Algorithm(setting), late_(flat_vector()), next_(flat_vector()) {}

  void step(StepContext& context) override {
    next_.copy_from(context.gradients);
    finish(context);
    std::swap(late_, next_);
    under_way_ = start_mean(late_, Payload::gradient);
    pending_ = true;
    met();
    share_buffers(context);
  }

  /// The gradient that is under way.
  void finish(StepContext& context) override {
    if (!std::exchange(pending_, false)) return;
    under_way_.wait();
    context.update.apply(context.parameters, late_, context.lr);
  }

  bool replicas_agree() const override { return true; }
  bool remembers() const override { return false; }
  std::vector<NamedTensor> state() override {
    under_way_.wait();
    return {{"late_gradient", late_}};
  }
  std::vector<NamedTensor> common_state() override { return state(); }
  std::vector<double> counters() const override { return {pending_ ? 1.0 : 0.0}; }
  void set_counters(const std::vector<double>& counters) override { pending_ = counters.at(0) != 0; }

 private:
  Tensor late_, next_;
  Work under_way_;
  bool pending_ = false;
};

}  // namespace

AlgorithmMaker pipe_sgd(Arguments&, const std::string&) {
  return [](const Setting& setting) { return std::make_unique<PipeSgd>(setting); };
}

}  // namespace stint::dist
