#include <stint/kernels/dispatch.h>
#include <stint/kernels/layer_norm/layer_norm.h>

namespace stint {

// statistics: [2,rows] f32, mean then 1/sqrt(var + eps). sums: [2,C] f32, of dy and of dy * xhat over all rows.
STINT_KERNEL(std::size_t layer_norm_workspace(std::int64_t rows, std::int64_t channels))
STINT_KERNEL(void layer_norm_forward(const Tensor& x, const Tensor& gamma, const Tensor& beta, float eps,
                                     const Tensor& statistics, const Tensor& y))
STINT_KERNEL(void layer_norm_sums(const Tensor& x, const Tensor& statistics, const Tensor& dy, const Tensor& sums,
                                  const Tensor& workspace))
STINT_KERNEL(void layer_norm_backward(const Tensor& x, const Tensor& statistics, const Tensor& gamma, const Tensor& dy,
                                      const Tensor& dx, bool accumulate))

Tensor LayerNorm::forward(Saver& saver, const Tensor& x, const Tensor& gamma, const Tensor& beta) const {
  require(x.shape().rank() >= 2 && x.count() > 0 && x.packing() == Packing::plain, name,
          "expected a non-empty plain [...,C], got {}", x.shape());
  Shape channels = {x.shape()[-1]};
  for (const Tensor& t : {gamma, beta}) {
    require(t.shape() == channels && t.dtype() == DType::f32, name, "expected parameters of {} f32, got {} {}",
            channels, t.shape(), name_of(t.dtype()));
  }
  Tensor y(x.spec());
  Tensor statistics({2, x.count() / channels[0]}, DType::f32, x.device());
  STINT_RUN(name, traffic(x, y), x.device(), layer_norm_forward(x, gamma, beta, eps, statistics, y));
  saver.save(x);
  saver.save(statistics);
  saver.save(gamma);
  return y;
}

// With g = dy * gamma and xhat = (x - mean) * rstd, over the C values of a row:
//   dx = rstd * (g - mean(g) - xhat * mean(g * xhat));  over all rows: dbeta = sum(dy), dgamma = sum(dy * xhat).
void LayerNorm::backward(const Saved& saved, const Tensor& dy, const Grad& dx, const Grad& dgamma,
                         const Grad& dbeta) const {
  Tensor x = saved[0], statistics = saved[1];
  std::int64_t channels = x.shape()[-1];
  if (dgamma.wanted() || dbeta.wanted()) {
    Tensor sums = make_workspace({2, channels}, DType::f32, x.device());
    Tensor workspace =
        make_workspace(STINT_WORKSPACE(x.device(), layer_norm_workspace(x.count() / channels, channels)), x.device());
    STINT_RUN("layer_norm_sums", traffic(x, dy), x.device(), layer_norm_sums(x, statistics, dy, sums, workspace));
    dbeta.share(sums.slice(0, channels));
    dgamma.share(sums.slice(channels, channels));
  }
  if (dx.wanted()) {
    Tensor out = dx.out(), gamma = saved[2];
    STINT_RUN("layer_norm_backward", traffic(x, dy, out), x.device(),
              layer_norm_backward(x, statistics, gamma, dy, out, dx.accumulates()));
  }
}

}  // namespace stint
