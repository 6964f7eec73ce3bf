#include <stint/kernels/dispatch.h>
#include <stint/kernels/softmax_cross_entropy/softmax_cross_entropy.h>
#include <stint/kernels/vector/vector.h>

namespace stint {

STINT_KERNEL(void cross_entropy_forward(const Tensor& logits, const Tensor& labels, float smoothing, const Tensor& loss,
                                        const Tensor& log_sums))
STINT_KERNEL(void cross_entropy_backward(const Tensor& logits, const Tensor& labels, const Tensor& log_sums,
                                         float smoothing, const Tensor& dy, const Tensor& dlogits, bool accumulate))

Tensor SoftmaxCrossEntropy::forward(Saver& saver, const Tensor& logits, const Tensor& labels) const {
  require(logits.shape().rank() == 2 && logits.count() > 0, name, "expected non-empty logits [N,K], got {}",
          logits.shape().text());
  require(labels.shape() == Shape{logits.shape()[0]} && labels.dtype() == DType::i32, name,
          "expected labels [{}] i32, got {} {}", logits.shape()[0], labels.shape().text(), name_of(labels.dtype()));
  Tensor loss({1}, DType::f32, logits.device());
  Tensor log_sums({logits.shape()[0]}, DType::f32, logits.device());
  STINT_RUN(name, traffic(logits), logits.device(),
            cross_entropy_forward(logits, labels, label_smoothing, loss, log_sums));
  if (weight != 1) scale(weight, loss);
  saver.save(logits);
  saver.save(labels);
  saver.save(log_sums);
  return loss;
}

void SoftmaxCrossEntropy::backward(const Saved& saved, const Tensor& dy, const Grad& dlogits, const Grad&) const {
  if (!dlogits.wanted()) return;
  Tensor gain = dy, out = dlogits.out();
  if (weight != 1) {
    gain = Tensor(dy.spec());
    gain.copy_from(dy);
    scale(weight, gain);
  }
  STINT_RUN("softmax_cross_entropy_backward", traffic(saved[0], out), dy.device(),
            cross_entropy_backward(saved[0], saved[1], saved[2], label_smoothing, gain, out, dlogits.accumulates()));
}

}  // namespace stint
