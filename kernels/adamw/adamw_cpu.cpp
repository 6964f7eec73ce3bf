// AdamW: one pass over the flat vectors; the bias corrections are computed once, in double.

#include <stint/kernels/adamw/adamw.h>
#include <stint/kernels/dispatch.h>
#include <stint/runtime/parallel.h>

#include <cmath>

namespace stint::cpu {

void adamw(const Tensor& x, const Tensor& direction, const Tensor& m, const Tensor& v, const Tensor& twin,
           const DecayRuns& decays, const AdamW& rule, float lr, std::int64_t step) {
  float* values = x.data<float>();
  const float* gradient = direction.data<float>();
  float* first = m.data<float>();
  float* second = v.data<float>();
  bfloat16* copy = twin ? twin.data<bfloat16>() : nullptr;
  auto rate = static_cast<float>(lr / (1 - std::pow(double(rule.beta1), double(step))));
  auto second_gain = static_cast<float>(1 / std::sqrt(1 - std::pow(double(rule.beta2), double(step))));
  for (const DecayRun& run : decays) {
    float keep = run.decay ? 1 - lr * rule.weight_decay : 1;
    parallel_for(run.end - run.begin, 16384, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = run.begin + begin; i < run.begin + end; ++i) {
        float g = gradient[i];
        first[i] = rule.beta1 * first[i] + (1 - rule.beta1) * g;
        second[i] = rule.beta2 * second[i] + (1 - rule.beta2) * g * g;
        values[i] = values[i] * keep - rate * first[i] / (std::sqrt(second[i]) * second_gain + rule.eps);
        if (copy) copy[i] = values[i];
      }
    });
  }
}

}  // namespace stint::cpu
