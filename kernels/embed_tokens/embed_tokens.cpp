#include <stint/kernels/dispatch.h>
#include <stint/kernels/embed_tokens/embed_tokens.h>

namespace stint {

// dposition [(1+T)*C] f32 is the sum of dy over images; dx is dy without the class token.
STINT_KERNEL(void embed_tokens_forward(const Tensor& x, const Tensor& class_token, const Tensor& position,
                                       const Tensor& y))
STINT_KERNEL(void embed_tokens_sum(const Tensor& dy, const Tensor& dposition))
STINT_KERNEL(void embed_tokens_backward(const Tensor& dy, const Tensor& dx, bool accumulate))

Tensor EmbedTokens::forward(Saver&, const Tensor& x, const Tensor& class_token, const Tensor& position) const {
  require(x.shape().rank() == 3 && x.count() > 0, name, "expected non-empty tokens [N,T,C], got {}", x.shape());
  std::int64_t tokens = x.shape()[1] + 1, channels = x.shape()[2];
  require(class_token.count() == channels && class_token.dtype() == DType::f32, name,
          "expected a class token of {} values f32, got {}", channels, class_token.shape());
  require(position.count() == tokens * channels && position.dtype() == DType::f32, name,
          "expected positions of {} tokens of {} values f32, got {}", tokens, channels, position.shape());
  Tensor y({x.shape()[0], tokens, channels}, x.dtype(), x.device());
  STINT_RUN(name, traffic(x, y), x.device(), embed_tokens_forward(x, class_token, position, y));
  return y;
}

void EmbedTokens::backward(const Saved&, const Tensor& dy, const Grad& dx, const Grad& dclass_token,
                           const Grad& dposition) const {
  std::int64_t channels = dy.shape()[2], values = dy.shape()[1] * channels;
  if (dclass_token.wanted() || dposition.wanted()) {
    Tensor sum = make_workspace({values}, DType::f32, dy.device());
    STINT_RUN("embed_tokens_sum", traffic(dy), dy.device(), embed_tokens_sum(dy, sum));
    if (dclass_token.wanted()) dclass_token.share(sum.slice(0, channels).reshaped(dclass_token.spec().shape));
    if (dposition.wanted()) dposition.share(sum.reshaped(dposition.spec().shape));
  }
  if (dx.wanted()) {
    Tensor out = dx.out();
    STINT_RUN("embed_tokens_backward", traffic(out, out), dy.device(),
              embed_tokens_backward(dy, out, dx.accumulates()));
  }
}

}  // namespace stint
