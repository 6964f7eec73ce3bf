#include <stint/kernels/dispatch.h>
#include <stint/kernels/sgd/sgd.h>

namespace stint {

STINT_KERNEL(void sgd(const Tensor& x, const Tensor& direction, const Tensor& velocity, const Tensor& twin,
                      const DecayRuns& decays, const Sgd& rule, float lr))

void Sgd::update(const Tensor& x, const Tensor& direction, const Tensor& velocity, const Tensor& twin,
                 const DecayRuns& decays, float lr) const {
  require(x.count() == direction.count(), name, "expected a direction of {} elements, got {}", x.count(),
          direction.count());
  require(momentum == 0 || (velocity && velocity.count() == x.count()), name,
          "expected a velocity of {} elements with momentum {}", x.count(), momentum);
  require(!nesterov || momentum > 0, name, "Nesterov needs a momentum above 0");
  check_update(name, x, twin, decays);
  STINT_RUN(name, traffic(x, x, direction, velocity, velocity, twin), x.device(),
            sgd(x, direction, velocity, twin, decays, *this, lr));
}

}  // namespace stint
