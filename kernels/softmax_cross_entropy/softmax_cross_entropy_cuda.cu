// Cross-entropy: a warp a row, its lanes over the classes; the row's maximum is taken off before exponentials. The
// rows' losses are added in double, in order, by a second launch of one block. Floor: the logits once (they are read
// twice, the second time from cache). Backward: the same shape, one pass; dlogits may accumulate. A label that is not a
// class makes the loss NaN here: an error would need the host to wait (the data sets check their labels when they are
// read).

#include <stint/kernels/cuda.cuh>

namespace stint::cuda {

template <typename T>
__global__ void cross_entropy_forward_kernel(std::int64_t rows, int classes, const T* logits,
                                             const std::int32_t* labels, float smoothing, float* log_sums,
                                             double* losses) {
  int lane = static_cast<int>(threadIdx.x) % warp_size;
  for_warp_rows(rows, [&](std::int64_t n) {
    const T* row = logits + n * classes;
    float largest = -INFINITY;
    for (int k = lane; k < classes; k += warp_size) {
      float value = row[k];
      largest = value > largest ? value : largest;
    }
    largest = warp_max(largest);
    float sum = 0, total = 0;
    for (int k = lane; k < classes; k += warp_size) {
      sum += expf(float(row[k]) - largest);
      total += row[k];
    }
    sum = warp_sum(sum);
    total = warp_sum(total);
    if (lane != 0) return;
    double log_sum = largest + log(double(sum));
    log_sums[n] = static_cast<float>(log_sum);
    int label = labels[n];
    bool known = label >= 0 && label < classes;
    losses[n] = known ? log_sum - (1 - smoothing) * float(row[label]) - double(smoothing) * total / classes : NAN;
  });
}

/// loss <- mean of the rows' losses; one block
__global__ void mean_loss_kernel(std::int64_t rows, const double* losses, float* loss) {
  double sum = 0;
  for (std::int64_t n = threadIdx.x; n < rows; n += blockDim.x) sum += losses[n];
  sum = block_sum(sum, shared_memory<double>());
  if (threadIdx.x == 0) *loss = static_cast<float>(sum / static_cast<double>(rows));
}

template <typename T>
__global__ void cross_entropy_backward_kernel(std::int64_t rows, int classes, const T* logits,
                                              const std::int32_t* labels, const float* log_sums, float smoothing,
                                              const float* dy, T* dlogits, bool accumulate) {
  int lane = static_cast<int>(threadIdx.x) % warp_size;
  float gain = *dy / static_cast<float>(rows), floor = smoothing / static_cast<float>(classes);
  for_warp_rows(rows, [&](std::int64_t n) {
    for (int k = lane; k < classes; k += warp_size) {
      std::int64_t at = n * classes + k;
      float target = floor + (k == labels[n] ? 1 - smoothing : 0.0f);
      float value = gain * (expf(float(logits[at]) - log_sums[n]) - target);
      dlogits[at] = to<T>(accumulate ? float(dlogits[at]) + value : value);
    }
  });
}

void cross_entropy_forward(const Tensor& logits, const Tensor& labels, float smoothing, const Tensor& loss,
                           const Tensor& log_sums) {
  std::int64_t rows = logits.shape()[0], classes = logits.shape()[1];
  Tensor workspace = make_workspace(rows * sizeof(double), logits.device());
  auto* losses = reinterpret_cast<double*>(workspace.raw());
  cudaStream_t stream = stream_of(logits);
  with_float_type(logits.dtype(), "softmax_cross_entropy", [&](auto type) {
    using T = decltype(type);
    launch(cross_entropy_forward_kernel<T>, grid_size(rows * warp_size), block_size, 0, stream, rows,
           static_cast<int>(classes), logits.data<T>(), labels.data<std::int32_t>(), smoothing, log_sums.data<float>(),
           losses);
  });
  launch(mean_loss_kernel, 1, block_size, block_size / warp_size * sizeof(double), stream, rows, losses,
         loss.data<float>());
}

void cross_entropy_backward(const Tensor& logits, const Tensor& labels, const Tensor& log_sums, float smoothing,
                            const Tensor& dy, const Tensor& dlogits, bool accumulate) {
  std::int64_t rows = logits.shape()[0], classes = logits.shape()[1];
  with_float_type(logits.dtype(), "softmax_cross_entropy", [&](auto type) {
    using T = decltype(type);
    launch(cross_entropy_backward_kernel<T>, grid_size(rows * warp_size), block_size, 0, stream_of(logits), rows,
           static_cast<int>(classes), logits.data<T>(), labels.data<std::int32_t>(), log_sums.data<float>(), smoothing,
           dy.data<float>(), dlogits.data<T>(), accumulate);
  });
}

}  // namespace stint::cuda
