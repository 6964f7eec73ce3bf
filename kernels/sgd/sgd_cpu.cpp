// SGD with momentum and decay: one pass over the flat vectors.

#include <stint/kernels/dispatch.h>
#include <stint/kernels/sgd/sgd.h>
#include <stint/runtime/parallel.h>

namespace stint::cpu {

void sgd(const Tensor& x, const Tensor& direction, const Tensor& velocity, const Tensor& twin, const DecayRuns& decays,
         const Sgd& rule, float lr) {
  float* values = x.data<float>();
  const float* gradient = direction.data<float>();
  float* momentum = velocity ? velocity.data<float>() : nullptr;
  bfloat16* copy = twin ? twin.data<bfloat16>() : nullptr;
  for (const DecayRun& run : decays) {
    float decay = run.decay ? rule.weight_decay : 0;
    parallel_for(run.end - run.begin, 16384, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = run.begin + begin; i < run.begin + end; ++i) {
        float d = gradient[i] + decay * values[i];
        if (momentum) {
          momentum[i] = rule.momentum * momentum[i] + d;
          d = rule.nesterov ? d + rule.momentum * momentum[i] : momentum[i];
        }
        values[i] -= lr * d;
        if (copy) copy[i] = values[i];
      }
    });
  }
}

}  // namespace stint::cpu
