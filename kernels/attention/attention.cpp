#include <stint/kernels/attention/attention.h>
#include <stint/kernels/attention/attention_kernels.h>

namespace stint {

namespace {

AttentionCase make_case(const Tensor& qkv, std::int64_t heads) {
  return {qkv.shape()[0], qkv.shape()[1], heads, qkv.shape()[2] / (3 * heads)};
}

}  // namespace

Tensor Attention::forward(Saver& saver, const Tensor& qkv) const {
  require(heads >= 1 && qkv.shape().rank() == 3 && qkv.count() > 0 && qkv.shape()[2] % (3 * heads) == 0, name,
          "expected a non-empty [N,T,3*{}*dim], got {}", heads, qkv.shape());
  AttentionCase c = make_case(qkv, heads);
  Tensor y({c.images, c.tokens, c.channels()}, qkv.dtype(), qkv.device());
  Tensor log_sums({c.images, c.heads, c.tokens}, DType::f32, qkv.device());
  STINT_RUN(name, c.work(2, qkv, y), qkv.device(), attention_forward(c, qkv, y, log_sums));
  saver.save(qkv);
  saver.save(log_sums);
  return y;
}

// With s = q k^T / sqrt(dim), p = exp(s - log_sum) and dp = dy v^T:
//   dv = p^T dy;  ds = p * (dp - rowsum(p * dp));  dq = ds k / sqrt(dim);  dk = ds^T q / sqrt(dim).
void Attention::backward(const Saved& saved, const Tensor& dy, const Grad& dqkv) const {
  if (!dqkv.wanted()) return;
  Tensor qkv = saved[0], out = dqkv.out();
  AttentionCase c = make_case(qkv, heads);
  Tensor workspace = make_workspace(STINT_WORKSPACE(dy.device(), attention_workspace(c)), dy.device());
  STINT_RUN("attention_backward", c.work(5, qkv, out), dy.device(),
            attention_backward(c, qkv, saved[1], dy, out, dqkv.accumulates(), workspace));
}

}  // namespace stint
