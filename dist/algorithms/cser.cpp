// CSER (NeurIPS 2020), as LIEC-SGD's authors compare with it: error reset.
//   delta_i = C[g_i], r_i = g_i - delta_i;  u_i = mean_j delta_j + r_i;  a_i <- a_i - r_i
//   every H steps: u_i <- u_i + C[a_i] - mean_j C[a_j];  a_i <- a_i - C[a_i]
//   x_i <- x_i - lr u_i
// The means come back uncompressed. a_i is minus what worker i has applied alone; the workers differ by lr a_i.

#include <stint/dist/algorithms/algorithms.h>
#include <stint/dist/algorithms/two_way.h>
#include <stint/kernels/vector/vector.h>

namespace stint::dist {

namespace {

class Cser : public TwoWay {
 public:
  Cser(const Setting& setting, const CompressionOptions& options, std::int64_t period)
      : TwoWay(setting, options),
        period_(period),
        alone_(memory("alone")),
        r_(bucketed()),
        u_(bucketed()),
        p_(zeros(server_->shard().extent)) {}

  void step(StepContext& context) override {
    rescale_memories(context.lr);
    gather(context, r_);
    collect(r_, p_);                         // r = g - delta
    server_->spread(exact_, p_, u_, false);  // u = mean delta
    axpy(1, r_, u_);
    axpy(-1, r_, alone_);
    if ((context.step + 1) % period_ == 0) reset();
    met();
    apply(context, u_);
    share_buffers(context);
  }

  bool replicas_agree() const override { return false; }

 private:
  void reset() {
    axpy(1, alone_, u_);
    collect(alone_, p_);  // a = a - C[a]
    axpy(-1, alone_, u_);
    server_->spread(exact_, p_, r_, false);
    axpy(-1, r_, u_);
  }

  std::int64_t period_;
  Tensor alone_, r_, u_, p_;
};

}  // namespace

AlgorithmMaker cser(Arguments& arguments, const std::string& compressor) {
  std::int64_t period = arguments.integer("period", 8);
  CompressionOptions options = CompressionOptions::read(arguments, compressor);
  return [=](const Setting& setting) { return std::make_unique<Cser>(setting, options, period); };
}

}  // namespace stint::dist
