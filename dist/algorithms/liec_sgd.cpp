// LIEC-SGD (arXiv 2402.11857): both directions compressed; a worker's own compression error goes back into its own
// update at once, and the server alone remembers one. Period K.
//   (t+1) mod K != 0, the compressed step:
//     worker: delta_i = C[g_i], r_i = g_i - delta_i      server: p = mean_i delta_i + e, v = C[p], e <- p - v
//     u_i = v + r_i
//   (t+1) mod K == 0, the averaging step:
//     x_i <- mean_j x_j;  u_i = mean_j g_j + e;  e <- 0
//   x_i <- x_i - lr (u_i + weight decay)
// With K = 1 or C = identity this is synchronous SGD. Between averagings mean_i u_i = gbar_t + e_t - e_{t+1}.

#include <stint/dist/algorithms/algorithms.h>
#include <stint/dist/algorithms/two_way.h>

#include <utility>

namespace stint::dist {

namespace {

class LiecSgd : public TwoWay {
 public:
  LiecSgd(const Setting& setting, const CompressionOptions& options, std::int64_t period)
      : TwoWay(setting, options), period_(period), error_(server_memory("server_error")), u_(bucketed()) {}

  void step(StepContext& context) override {
    rescale_memories(context.lr);
    gather(context, u_);
    bool averaging = (context.step + 1) % period_ == 0;
    if (averaging) make_equal(context);
    if (averaging) {
      server_->collect(exact_, u_, error_);        // p = mean g + e; nothing is left of g
      server_->spread(exact_, error_, u_, false);  // u = p; e = 0
    } else {
      collect(u_, error_);                              // p = mean delta + e; u = r
      server_->spread(*compressor_, error_, u_, true);  // u = r + v; e = p - v
    }
    met();
    apply(context, u_);
    agree_ = averaging;
    owes_ = !averaging;
    share_buffers(context);
  }

  void finish(StepContext& context) override {
    if (std::exchange(agree_, true)) return;
    make_equal(context);
    met();
  }

  bool replicas_agree() const override { return agree_; }
  bool averages() const override { return true; }
  /// The end of a run makes models equal, but leaves the server's error for a run that goes on.
  bool remembers() const override { return owes_; }
  std::vector<double> counters() const override {
    auto counters = TwoWay::counters();
    counters.push_back(agree_ ? 1 : 0);
    counters.push_back(owes_ ? 1 : 0);
    return counters;
  }
  void set_counters(const std::vector<double>& counters) override {
    TwoWay::set_counters(counters);
    agree_ = counters.at(1) != 0;
    owes_ = counters.size() < 3 || counters[2] != 0;  // older checkpoints do not say
  }

 private:
  std::int64_t period_;
  Tensor error_;  // of the server: this rank's shard
  Tensor u_;
  bool agree_ = true;
  bool owes_ = false;  // the server's error is not zero
};

}  // namespace

AlgorithmMaker liec_sgd(Arguments& arguments, const std::string& compressor) {
  std::int64_t period = arguments.integer("period", 32);
  CompressionOptions options = CompressionOptions::read(arguments, compressor);
  return [=](const Setting& setting) { return std::make_unique<LiecSgd>(setting, options, period); };
}

}  // namespace stint::dist
