#include <stint/kernels/batch_norm/batch_norm.h>
#include <stint/kernels/batch_norm/batch_norm_kernels.h>
#include <stint/kernels/bits.h>
#include <stint/kernels/reorder/reorder.h>
#include <stint/kernels/vector/vector.h>

namespace stint {

namespace {

Tensor make_sums_workspace(const Tensor& x) {
  return make_workspace(STINT_WORKSPACE(x.device(), batch_norm_workspace(x.shape())), x.device());
}

/// The masked dy goes straight to its place, or to a tensor of its own where the packings differ.
void write_residual_gradient(BatchNormBackward& p, const Grad& dresidual) {
  bool direct = dresidual.spec().packing == p.x.packing();
  p.dresidual = direct ? dresidual.out() : Tensor(p.x.spec());
  if (!direct) p.accumulate_dresidual = false;
}

void check(const BatchNorm& op, const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& residual) {
  constexpr auto name = BatchNorm::name;
  require(x.shape().rank() >= 2 && x.count() > 0, name, "expected a non-empty [N,H,W,C] or [N,C], got {}", x.shape());
  Shape channels = {x.shape()[-1]};
  for (const Tensor& t : {gamma, beta, op.running_mean, op.running_var}) {
    require(t && t.shape() == channels && t.dtype() == DType::f32, name, "expected parameters and buffers of {} f32",
            channels);
  }
  require(!residual || (residual.shape() == x.shape() && residual.dtype() == x.dtype()), name,
          "expected a residual of {} {}, got {} {}", x.shape(), name_of(x.dtype()), residual.shape(),
          name_of(residual.dtype()));
  require(!op.training || x.count() > x.shape()[-1], name, "expected more than one value a channel in training, got {}",
          x.shape());
}

}  // namespace

Tensor BatchNorm::forward(Saver& saver, const Tensor& x, const Tensor& gamma, const Tensor& beta,
                          const Tensor& residual) const {
  check(*this, x, gamma, beta, residual);
  std::int64_t channels = x.shape()[-1];
  Tensor statistics({2, channels}, DType::f32, x.device());
  if (training) {
    Tensor workspace = make_sums_workspace(x);
    STINT_RUN("batch_norm_statistics", traffic(x), x.device(),
              batch_norm_statistics(x, eps, momentum, statistics, running_mean, running_var, workspace));
  } else {
    STINT_RUN("batch_norm_running", traffic(statistics), x.device(),
              batch_norm_running(running_mean, running_var, eps, statistics));
  }

  Tensor y(x.spec());
  Tensor mask = relu && saver.enabled() ? Tensor({mask_bytes(x.count())}, DType::u8, x.device()) : Tensor();
  Tensor added = residual ? packed(residual, x.packing()) : Tensor();
  STINT_RUN(name, traffic(x, y, added), x.device(),
            batch_norm_forward({x, gamma, beta, added, y, mask, statistics, relu}));
  saver.save(x);
  saver.save(statistics);
  saver.save(gamma);
  if (mask) saver.save(mask);
  return y;
}

// With dz = dy behind the ReLU and xhat = (x - mean) * rstd over the M values of a channel:
//   dbeta = sum(dz), dgamma = sum(dz * xhat), dresidual = dz,
//   dx = gamma * rstd * (dz - (dbeta + xhat * dgamma) / M);  with constant statistics dx = gamma * rstd * dz.
void BatchNorm::backward(const Saved& saved, const Tensor& dy, const Grad& dx, const Grad& dgamma, const Grad& dbeta,
                         const Grad& dresidual) const {
  Tensor x = saved[0];
  Tensor statistics = saved[1];
  Tensor gamma = saved[2];
  std::int64_t channels = x.shape()[-1];
  Tensor sums = make_workspace({2, channels}, DType::f32, x.device());
  BatchNormBackward p{.x = x,
                      .gamma = gamma,
                      .dy = dy,
                      .mask = relu ? saved[3] : Tensor(),
                      .statistics = statistics,
                      .sums = sums,
                      .dx = {},
                      .dresidual = {},
                      .accumulate_dx = dx.accumulates(),
                      .accumulate_dresidual = dresidual.accumulates(),
                      .training = training};
  {
    Tensor workspace = make_sums_workspace(x);
    STINT_RUN("batch_norm_sums", traffic(x, dy), x.device(), batch_norm_sums(p, workspace));
  }
  dbeta.share(sums.slice(0, channels));
  dgamma.share(sums.slice(channels, channels));

  if (dx.wanted()) p.dx = dx.out();
  if (dresidual.wanted() && relu) write_residual_gradient(p, dresidual);
  if (p.dx || p.dresidual) {
    STINT_RUN("batch_norm_backward", traffic(x, dy, p.dx, p.dresidual), x.device(), batch_norm_backward(p));
  }
  if (!dresidual.wanted()) return;
  Tensor dz = relu ? p.dresidual : dy;
  if (!relu || dz.packing() != dresidual.spec().packing) dresidual.share(packed(dz, dresidual.spec().packing));
}

}  // namespace stint
