// AdamW: one launch, one pass over the flat vectors, a pack a thread; the bias corrections are computed once, on the
// host, in double. Floor: read x, direction and both moments, write x, both moments and the bf16 twin.

#include <stint/kernels/adamw/adamw.h>
#include <stint/kernels/decay_runs.cuh>

#include <cmath>

namespace stint::cuda {

/// What is the same for all elements of a step.
struct AdamWStep {
  float beta1, beta2, eps, keep, rate, second_gain;
};

__global__ void adamw_kernel(std::int64_t count, float* x, const float* direction, float* m, float* v, bfloat16* twin,
                             DecayMap decays, AdamWStep step) {
  for_packs(count, [&](std::int64_t i, int n) {
    float keep = decays.at(i) ? step.keep : 1.0f;
    Pack values = load_pack(x + i, n), g = load_pack(direction + i, n);
    Pack first = load_pack(m + i, n), second = load_pack(v + i, n);
    for (int j = 0; j < Pack::size; ++j) {
      first[j] = step.beta1 * first[j] + (1 - step.beta1) * g[j];
      second[j] = step.beta2 * second[j] + (1 - step.beta2) * g[j] * g[j];
      values[j] = values[j] * keep - step.rate * first[j] / (sqrtf(second[j]) * step.second_gain + step.eps);
    }
    store_pack(x + i, values, n);
    store_pack(m + i, first, n);
    store_pack(v + i, second, n);
    if (twin) store_pack(twin + i, values, n);
  });
}

void adamw(const Tensor& x, const Tensor& direction, const Tensor& m, const Tensor& v, const Tensor& twin,
           const DecayRuns& decays, const AdamW& rule, float lr, std::int64_t step) {
  auto t = static_cast<double>(step);
  AdamWStep constants{.beta1 = rule.beta1,
                      .beta2 = rule.beta2,
                      .eps = rule.eps,
                      .keep = 1 - lr * rule.weight_decay,
                      .rate = static_cast<float>(lr / (1 - std::pow(double(rule.beta1), t))),
                      .second_gain = static_cast<float>(1 / std::sqrt(1 - std::pow(double(rule.beta2), t)))};
  launch(adamw_kernel, pack_grid(x.count()), block_size, 0, stream_of(x), x.count(), x.data<float>(),
         direction.data<float>(), m.data<float>(), v.data<float>(), twin ? twin.data<bfloat16>() : nullptr,
         DecayMap(decays), constants);
}

}  // namespace stint::cuda
