// Cross-entropy over rows: the row's maximum is taken off before exponentials; the loss is summed in double, in order.

#include <stint/kernels/dispatch.h>
#include <stint/runtime/parallel.h>

#include <cmath>
#include <vector>

namespace stint::cpu {

void cross_entropy_forward(const Tensor& logits, const Tensor& labels, float smoothing, const Tensor& loss,
                           const Tensor& log_sums) {
  std::int64_t rows = logits.shape()[0], classes = logits.shape()[1];
  const std::int32_t* label = labels.data<std::int32_t>();
  for (std::int64_t n = 0; n < rows; ++n) {
    if (label[n] < 0 || label[n] >= classes) {
      fail(ErrorKind::data, "softmax_cross_entropy", "label {} of sample {} is not in [0, {})", label[n], n, classes);
    }
  }
  std::vector<double> losses(rows);
  with_float_type(logits.dtype(), "softmax_cross_entropy", [&](auto type) {
    using T = decltype(type);
    parallel_for(rows, 64, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t n = begin; n < end; ++n) {
        const T* row = logits.data<T>() + n * classes;
        float largest = row[0];
        for (std::int64_t k = 1; k < classes; ++k) largest = std::max(largest, float(row[k]));
        double sum = 0, mean = 0;
        for (std::int64_t k = 0; k < classes; ++k) {
          sum += std::exp(float(row[k]) - largest);
          mean += float(row[k]);
        }
        double log_sum = largest + std::log(sum);
        log_sums.data<float>()[n] = static_cast<float>(log_sum);
        losses[n] = log_sum - (1 - smoothing) * float(row[label[n]]) - smoothing * mean / static_cast<double>(classes);
      }
    });
  });
  double total = 0;
  for (double value : losses) total += value;
  *loss.data<float>() = static_cast<float>(total / static_cast<double>(rows));
}

void cross_entropy_backward(const Tensor& logits, const Tensor& labels, const Tensor& log_sums, float smoothing,
                            const Tensor& dy, const Tensor& dlogits, bool accumulate) {
  std::int64_t rows = logits.shape()[0], classes = logits.shape()[1];
  float gain = *dy.data<float>() / static_cast<float>(rows);
  with_float_type(logits.dtype(), "softmax_cross_entropy", [&](auto type) {
    using T = decltype(type);
    parallel_for(rows, 64, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t n = begin; n < end; ++n) {
        const T* row = logits.data<T>() + n * classes;
        T* out = dlogits.data<T>() + n * classes;
        for (std::int64_t k = 0; k < classes; ++k) {
          float target =
              smoothing / static_cast<float>(classes) + (k == labels.data<std::int32_t>()[n] ? 1 - smoothing : 0);
          float value = gain * (std::exp(float(row[k]) - log_sums.data<float>()[n]) - target);
          out[k] = accumulate ? float(out[k]) + value : value;
        }
      }
    });
  });
}

}  // namespace stint::cpu
