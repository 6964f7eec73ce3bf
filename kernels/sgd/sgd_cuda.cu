// SGD with momentum and decay: one launch, one pass over the flat vectors, a pack a thread. Floor: read x, direction
// and velocity, write x, velocity and the bf16 twin.

#include <stint/kernels/sgd/sgd.h>
#include <stint/kernels/decay_runs.cuh>

namespace stint::cuda {

__global__ void sgd_kernel(std::int64_t count, float* x, const float* direction, float* velocity, bfloat16* twin,
                           DecayMap decays, float momentum, float weight_decay, bool nesterov, float lr) {
  for_packs(count, [&](std::int64_t i, int n) {
    float decay = decays.at(i) ? weight_decay : 0.0f;
    Pack values = load_pack(x + i, n), d = load_pack(direction + i, n), v{};
    if (velocity) v = load_pack(velocity + i, n);
    for (int j = 0; j < Pack::size; ++j) {
      d[j] += decay * values[j];
      if (velocity) {
        v[j] = momentum * v[j] + d[j];
        d[j] = nesterov ? d[j] + momentum * v[j] : v[j];
      }
      values[j] -= lr * d[j];
    }
    store_pack(x + i, values, n);
    if (velocity) store_pack(velocity + i, v, n);
    if (twin) store_pack(twin + i, values, n);
  });
}

void sgd(const Tensor& x, const Tensor& direction, const Tensor& velocity, const Tensor& twin, const DecayRuns& decays,
         const Sgd& rule, float lr) {
  launch(sgd_kernel, pack_grid(x.count()), block_size, 0, stream_of(x), x.count(), x.data<float>(),
         direction.data<float>(), velocity ? velocity.data<float>() : nullptr, twin ? twin.data<bfloat16>() : nullptr,
         DecayMap(decays), rule.momentum, rule.weight_decay, rule.nesterov, lr);
}

}  // namespace stint::cuda
