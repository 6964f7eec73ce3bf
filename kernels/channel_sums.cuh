#pragma once

#include <stint/kernels/cuda.cuh>

#include <algorithm>

/// Sums over the rows of a matrix [rows, channels], channel by channel: what normalisation and bias gradients need.
/// Rows are cut in pieces, whose sums (float within a thread, double across threads) are added in order by a second,
/// small launch. How rows are cut depends on the shape alone, and so do the bits. Floor: the matrix read once.
namespace stint::cuda {

/// Blocks that a multiprocessor holds at once, and how many that makes on an A100; all of a launch are one wave.
inline constexpr int channel_blocks = 3;
inline constexpr std::int64_t one_wave = 108 * channel_blocks;

struct ChannelGrid {
  dim3 grid, block;
  int lanes;  // channels a thread: a pack where they are whole, else one
};

inline ChannelGrid channel_grid(std::int64_t rows, std::int64_t channels) {
  constexpr std::int64_t rows_a_thread = 8;
  ChannelGrid g;
  g.lanes = channels % Pack::size == 0 ? Pack::size : 1;
  std::int64_t groups = channels / g.lanes;
  unsigned width = 1;
  while (width < groups && width < warp_size) width *= 2;
  g.block = {width, block_size / width};
  std::int64_t blocks = (groups + width - 1) / width;
  std::int64_t useful = rows / (g.block.y * rows_a_thread), most = std::min(most_blocks, one_wave) / blocks;
  g.grid = {static_cast<unsigned>(blocks), static_cast<unsigned>(std::max<std::int64_t>(1, std::min(useful, most)))};
  return g;
}

/// Bytes of workspace for `sums` quantities.
inline std::size_t channel_sums_workspace(std::int64_t rows, std::int64_t channels, int sums) {
  return channel_grid(rows, channels).grid.y * static_cast<std::size_t>(sums * channels) * sizeof(double);
}

/// `Terms` says what is added: `static constexpr int sums`, and add<lanes>(element, channel, sum[sums][lanes]) for the
/// elements of one row. partial: [pieces, sums, channels].
template <int lanes, typename Terms>
__global__ void __launch_bounds__(block_size, channel_blocks)
    channel_sums_kernel(std::int64_t rows, int channels, Terms terms, double* partial) {
  constexpr int sums = Terms::sums;
  int width = static_cast<int>(blockDim.x) * lanes;
  int column = static_cast<int>(threadIdx.x) * lanes;
  int c = static_cast<int>(blockIdx.x) * width + column;
  std::int64_t begin = rows * blockIdx.y / gridDim.y, end = rows * (blockIdx.y + 1) / gridDim.y;
  float sum[sums][lanes] = {};
  if (c < channels) {
    for (std::int64_t row = begin + threadIdx.y; row < end; row += blockDim.y) {
      terms.template add<lanes>(row * channels + c, c, sum);
    }
  }
  // shared: [sums, rows of threads, width]
  float* shared = shared_memory<float>();
  for (int k = 0; k < sums; ++k) {
    for (int j = 0; j < lanes; ++j) shared[(k * blockDim.y + threadIdx.y) * width + column + j] = sum[k][j];
  }
  __syncthreads();
  int thread = static_cast<int>(threadIdx.y * blockDim.x + threadIdx.x);
  for (int i = thread; i < sums * width; i += static_cast<int>(blockDim.x * blockDim.y)) {
    int k = i / width, place = i % width;
    double total = 0;
    for (unsigned y = 0; y < blockDim.y; ++y) total += shared[(k * blockDim.y + y) * width + place];
    int channel = static_cast<int>(blockIdx.x) * width + place;
    if (channel < channels) partial[(std::int64_t{blockIdx.y} * sums + k) * channels + channel] = total;
  }
}

inline constexpr unsigned finish_rows = 8;

/// Adds the pieces and calls finish(channel, totals[sums]) once a channel.
template <int sums, typename Finish>
__global__ void channel_finish_kernel(int pieces, int channels, const double* partial, Finish finish) {
  int c = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  double total[sums] = {};
  if (c < channels) {
    for (int piece = static_cast<int>(threadIdx.y); piece < pieces; piece += static_cast<int>(finish_rows)) {
      for (int k = 0; k < sums; ++k) total[k] += partial[(std::int64_t{piece} * sums + k) * channels + c];
    }
  }
  double* shared = shared_memory<double>();  // [rows of threads, sums, 32]
  for (int k = 0; k < sums; ++k) shared[(threadIdx.y * sums + k) * warp_size + threadIdx.x] = total[k];
  __syncthreads();
  if (threadIdx.y != 0 || c >= channels) return;
  for (int k = 0; k < sums; ++k) {
    total[k] = 0;
    for (unsigned y = 0; y < finish_rows; ++y) total[k] += shared[(y * sums + k) * warp_size + threadIdx.x];
  }
  finish(c, total);
}

template <typename Terms, typename Finish>
void channel_sums(std::int64_t rows, std::int64_t channels, const Terms& terms, const Finish& finish,
                  const Tensor& workspace) {
  cudaStream_t stream = stream_of(workspace);
  auto* partial = reinterpret_cast<double*>(workspace.raw());
  ChannelGrid g = channel_grid(rows, channels);
  std::size_t shared = Terms::sums * block_size * g.lanes * sizeof(float);
  auto kernel = g.lanes == 1 ? channel_sums_kernel<1, Terms> : channel_sums_kernel<Pack::size, Terms>;
  launch(kernel, g.grid, g.block, shared, stream, rows, static_cast<int>(channels), terms, partial);
  launch(channel_finish_kernel<Terms::sums, Finish>, static_cast<unsigned>((channels + warp_size - 1) / warp_size),
         dim3(warp_size, finish_rows), finish_rows * Terms::sums * warp_size * sizeof(double), stream,
         static_cast<int>(g.grid.y), static_cast<int>(channels), partial, finish);
}

}  // namespace stint::cuda
