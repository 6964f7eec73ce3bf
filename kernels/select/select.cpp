#include <stint/kernels/select/select.h>
#include <stint/kernels/select/select_kernels.h>

#include <cmath>

namespace stint {

namespace {

void check(const Tensor& x, std::int64_t keep, const Tensor& cut) {
  constexpr auto name = "select";
  require(keep >= 0 && keep <= x.count(), name, "expected to keep 0 to {} elements, got {}", x.count(), keep);
  require(cut.device() == x.device() && cut.bytes() == sizeof(Cut), name, "expected a cut on {}", x.device().name());
}

}  // namespace

Tensor make_cut(Device device) {
  return make_workspace(sizeof(Cut), device);
}

void cut_largest(const Tensor& x, std::int64_t keep, const Tensor& cut) {
  check(x, keep, cut);
  Tensor descent = make_workspace(sizeof(Descent), x.device());
  STINT_RUN("select_largest", traffic(x, x, x), x.device(), cut_largest(x, keep, cut, descent));
}

void cut_sampled(const Tensor& x, std::int64_t keep, const Tensor& cut) {
  check(x, keep, cut);
  if (x.count() <= sample_size) return cut_largest(x, keep, cut);
  Tensor sample = make_workspace({sample_size}, x.dtype(), x.device());
  STINT_RUN("select_sample", traffic(sample, sample), x.device(), take_sample(x, sample));
  double share = static_cast<double>(keep) / static_cast<double>(x.count());
  cut_largest(sample, static_cast<std::int64_t>(std::ceil(share * sample_size)), cut);
  STINT_RUN("select_room", traffic(cut), x.device(), count_room(x, keep, cut));
}

void cut_outside(const Tensor& x, double sigmas, const Tensor& cut) {
  check(x, 0, cut);
  std::int64_t tiles = (x.count() + moments_tile - 1) / moments_tile;
  Tensor moments = make_workspace(static_cast<std::size_t>(tiles) * sizeof(Moments), x.device());
  STINT_RUN("select_outside", traffic(x), x.device(), cut_outside(x, sigmas, cut, moments));
}

}  // namespace stint
