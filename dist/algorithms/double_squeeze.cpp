// DoubleSqueeze (ICML 2019) and NEOLITHIC: error feedback on both sides.
//   worker: p_i = g_i + m_i, delta_i = F[p_i], m_i <- p_i - delta_i
//   server: p = mean_i delta_i + e, v = F[p], e <- p - v;   x <- x - lr v
// DoubleSqueeze: F = C. NEOLITHIC: F compresses in R rounds, each of which sends what is still missing:
//   s <- 0; R times: s <- s + C[p - s].

#include <stint/dist/algorithms/algorithms.h>
#include <stint/dist/algorithms/two_way.h>
#include <stint/kernels/vector/vector.h>

namespace stint::dist {

namespace {

class DoubleSqueeze : public TwoWay {
 public:
  DoubleSqueeze(const Setting& setting, const CompressionOptions& options, std::int64_t times)
      : TwoWay(setting, options),
        times_(times),
        error_(memory("error")),
        server_error_(server_memory("server_error")),
        u_(bucketed()) {}

  void step(StepContext& context) override {
    rescale_memories(context.lr);
    gather(context, u_);
    add_to(u_, error_, true);
    collect(error_, server_error_, times_);
    for (std::int64_t i = 0; i < times_; ++i) server_->spread(*compressor_, server_error_, u_, i > 0);
    met();
    apply(context, u_);
    share_buffers(context);
  }

  bool replicas_agree() const override { return true; }

 private:
  std::int64_t times_;
  Tensor error_, server_error_, u_;
};

}  // namespace

AlgorithmMaker double_squeeze(Arguments& arguments, const std::string& compressor) {
  CompressionOptions options = CompressionOptions::read(arguments, compressor);
  return [=](const Setting& setting) { return std::make_unique<DoubleSqueeze>(setting, options, 1); };
}

AlgorithmMaker neolithic(Arguments& arguments, const std::string& compressor) {
  std::int64_t times = arguments.integer("rounds", 2);
  CompressionOptions options = CompressionOptions::read(arguments, compressor);
  return [=](const Setting& setting) { return std::make_unique<DoubleSqueeze>(setting, options, times); };
}

}  // namespace stint::dist
