// MEM-SGD (error feedback, one direction): p_i = g_i + m_i; delta_i = C[p_i]; m_i <- p_i - delta_i;
// x <- x - lr mean_i delta_i, where the mean comes back uncompressed, as LIEC-SGD's authors compare with it.

#include <stint/dist/algorithms/algorithms.h>
#include <stint/dist/algorithms/two_way.h>
#include <stint/kernels/vector/vector.h>

namespace stint::dist {

namespace {

class MemSgd : public TwoWay {
 public:
  MemSgd(const Setting& setting, const CompressionOptions& options)
      : TwoWay(setting, options), error_(memory("error")), u_(bucketed()), p_(zeros(server_->shard().extent)) {}

  void step(StepContext& context) override {
    rescale_memories(context.lr);
    gather(context, u_);
    add_to(u_, error_, true);                // m + g
    collect(error_, p_);                     // m = p_i - delta_i
    server_->spread(exact_, p_, u_, false);  // leaves p_ = 0
    met();
    apply(context, u_);
    share_buffers(context);
  }

  bool replicas_agree() const override { return true; }

 private:
  Tensor error_, u_, p_;
};

}  // namespace

AlgorithmMaker mem_sgd(Arguments& arguments, const std::string& compressor) {
  CompressionOptions options = CompressionOptions::read(arguments, compressor);
  return [=](const Setting& setting) { return std::make_unique<MemSgd>(setting, options); };
}

}  // namespace stint::dist
