// Cross-entropy over rows, in parallel: the row's maximum is taken off before exponentials. Sums over a row run in 16
// lanes, the loss is summed in double, in order. dlogits may accumulate.

#include <stint/kernels/dispatch.h>
#include <stint/kernels/exponentials.h>
#include <stint/runtime/parallel.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace stint::cpu {

namespace {

template <typename Body>
void for_rows(const Tensor& logits, const Body& body) {
  std::int64_t grain = std::max<std::int64_t>(1, 16384 / logits.shape()[1]);
  parallel_for(logits.shape()[0], grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) body(row);
  });
}

template <typename T>
float sum_of_row(const T* row, std::int64_t count) {
  Lanes sums{};
  for_lanes(count, [&](std::int64_t i, auto n) {
    Lanes x;
    load(x, row + i, n);
    sums += x;
  });
  return sum_of(sums);
}

}  // namespace

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
    for_rows(logits, [&](std::int64_t n) {
      const T* row = logits.data<T>() + n * classes;
      float largest = largest_of(row, classes);
      double log_sum = largest + std::log(double{exponentials(row, classes, largest, row_of_floats(classes))});
      log_sums.data<float>()[n] = static_cast<float>(log_sum);
      double spread = smoothing == 0 ? 0 : double{smoothing} * sum_of_row(row, classes) / static_cast<double>(classes);
      losses[n] = log_sum - (1 - smoothing) * float(row[label[n]]) - spread;
    });
  });
  double total = 0;
  for (double value : losses) total += value;
  *loss.data<float>() = static_cast<float>(total / static_cast<double>(rows));
}

void cross_entropy_backward(const Tensor& logits, const Tensor& labels, const Tensor& log_sums, float smoothing,
                            const Tensor& dy, const Tensor& dlogits, bool accumulate) {
  std::int64_t rows = logits.shape()[0], classes = logits.shape()[1];
  float gain = *dy.data<float>() / static_cast<float>(rows), spread = smoothing / static_cast<float>(classes);
  with_float_type(logits.dtype(), "softmax_cross_entropy", [&](auto type) {
    using T = decltype(type);
    for_rows(logits, [&](std::int64_t n) {
      T* out = dlogits.data<T>() + n * classes;
      float* p = row_of_floats(classes);
      exponentials(logits.data<T>() + n * classes, classes, log_sums.data<float>()[n], p);
      p[labels.data<std::int32_t>()[n]] -= 1 - smoothing;
      for_lanes(classes, [&](std::int64_t i, auto count) {
        Lanes difference;
        load(difference, p + i);
        store(gain * (difference - spread), out + i, count, accumulate);
      });
    });
  });
}

}  // namespace stint::cpu
