#include <stint/kernels/adamw/adamw.h>
#include <stint/kernels/dispatch.h>

namespace stint {

STINT_KERNEL(void adamw(const Tensor& x, const Tensor& direction, const Tensor& m, const Tensor& v, const Tensor& twin,
                        const DecayRuns& decays, const AdamW& rule, float lr, std::int64_t step))

void AdamW::update(const Tensor& x, const Tensor& direction, const Tensor& m, const Tensor& v, const Tensor& twin,
                   const DecayRuns& decays, float lr, std::int64_t step) const {
  require(x.count() == direction.count() && x.count() == m.count() && x.count() == v.count(), name,
          "expected direction and moments of {} elements, got {}, {} and {}", x.count(), direction.count(), m.count(),
          v.count());
  require(step >= 1, name, "expected a step of at least 1, got {}", step);
  check_update(name, x, twin, decays);
  STINT_RUN(name, traffic(x, x, direction, m, m, v, v, twin), x.device(),
            adamw(x, direction, m, v, twin, decays, *this, lr, step));
}

}  // namespace stint
