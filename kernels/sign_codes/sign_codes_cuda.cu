// Signs to bits and back: one pass, memory-bound; a thread does a pack of eight elements, which is a byte of the codes.
// The sums of magnitudes: a block a chunk, added up in double in an order that depends on the chunk alone.

#include <stint/kernels/sign_codes/sign_codes.h>
#include <stint/kernels/cuda.cuh>

namespace stint::cuda {

/// codes: a byte a pack; bytes from `bytes` on are there to fill the last word.
__global__ void pack_signs_kernel(std::int64_t count, std::int64_t bytes, const float* x, std::uint8_t* codes) {
  for_packs(bytes * Pack::size, [&](std::int64_t i, int) {
    std::int64_t left = count - i;
    Pack values = load_pack(x + (left > 0 ? i : 0), left >= Pack::size ? Pack::size
                                                    : left > 0         ? static_cast<int>(left)
                                                                       : 0);
    unsigned byte = 0;
    for (int j = 0; j < Pack::size; ++j) byte |= unsigned{values[j] < 0} << j;
    codes[i / Pack::size] = static_cast<std::uint8_t>(byte);
  });
}

__global__ void unpack_signs_kernel(std::int64_t count, const std::uint8_t* codes, float scale, float* y,
                                    bool accumulate) {
  for_packs(count, [&](std::int64_t i, int n) {
    unsigned byte = codes[i / Pack::size];
    Pack values{};
    for (int j = 0; j < Pack::size; ++j) values[j] = (byte >> j) & 1 ? -scale : scale;
    store_pack(y + i, values, n, accumulate);
  });
}

/// sums[c] <- sum of |x| over chunk c
__global__ void l1_of_chunks_kernel(std::int64_t count, std::int64_t chunk, std::int64_t chunks, const float* x,
                                    float* sums) {
  for (std::int64_t c = blockIdx.x; c < chunks; c += gridDim.x) {
    std::int64_t end = (c + 1) * chunk < count ? (c + 1) * chunk : count;
    double sum = 0;
    for (std::int64_t i = c * chunk + threadIdx.x; i < end; i += blockDim.x) sum += fabsf(x[i]);
    sum = block_sum(sum, shared_memory<double>());
    if (threadIdx.x == 0) sums[c] = static_cast<float>(sum);
  }
}

void pack_signs(const Tensor& x, const Tensor& codes) {
  auto bytes = static_cast<std::int64_t>(codes.bytes());
  launch(pack_signs_kernel, grid_size(bytes), block_size, 0, stream_of(x), x.count(), bytes, x.data<float>(),
         reinterpret_cast<std::uint8_t*>(codes.data<std::int32_t>()));
}

void unpack_signs(const Tensor& codes, float scale, const Tensor& y, bool accumulate) {
  launch(unpack_signs_kernel, pack_grid(y.count()), block_size, 0, stream_of(y), y.count(),
         reinterpret_cast<const std::uint8_t*>(codes.data<std::int32_t>()), scale, y.data<float>(), accumulate);
}

void l1_of_chunks(const Tensor& x, std::int64_t chunk, const Tensor& sums) {
  auto blocks = static_cast<unsigned>(std::min(most_blocks, sums.count()));
  launch(l1_of_chunks_kernel, blocks, block_size, block_size / warp_size * sizeof(double), stream_of(x), x.count(),
         chunk, sums.count(), x.data<float>(), sums.data<float>());
}

}  // namespace stint::cuda
