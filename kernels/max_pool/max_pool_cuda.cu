// Max pooling. Forward: a thread a pack of outputs in storage order, so that the packed places of its outputs are whole
// bytes; where a pack lies in one position it reads packs of x, else element by element. Backward gathers: an input
// position adds dy of the windows that chose it, so nothing is added atomically and dx is written once. Floor: x and y
// once each, and the places.

#include <stint/kernels/max_pool/max_pool_kernels.h>
#include <stint/kernels/window.cuh>

#include <cmath>

namespace stint::cuda {

/// The largest value so far and its place; NaN wins, of equals the first.
struct Largest {
  float value;
  int place;

  __device__ void consider(float candidate, int candidate_place) {
    bool first = place < 0;
    if (!first && !(candidate > value) && !(isnan(candidate) && !isnan(value))) return;
    value = candidate;
    place = candidate_place;
  }
};

/// Calls body(row, column) for the input positions under output (h, w).
template <typename Body>
__device__ void for_window(const Sliding& s, int h, int w, const Body& body) {
  Span rows = s.under(h, s.height), columns = s.under(w, s.width);
  for (int row = rows.begin; row < rows.end; ++row) {
    for (int column = columns.begin; column < columns.end; ++column) body(row, column);
  }
}

/// Stores the places of `n` outputs, `bits` each, from a byte's start on.
__device__ inline void store_places(std::uint8_t* target, const Largest* best, int n, int bits) {
  std::uint64_t word = 0;
  for (int j = 0; j < Pack::size; ++j) {
    if (j < n) word |= static_cast<std::uint64_t>(best[j].place) << (j * bits);
  }
  for (int byte = 0; byte < (n * bits + 7) / 8; ++byte) target[byte] = static_cast<std::uint8_t>(word >> (byte * 8));
}

template <typename T>
__global__ void max_pool_forward_kernel(std::int64_t images, Sliding s, const T* x, T* y, std::uint8_t* places,
                                        std::int64_t place_bytes, int bits) {
  int outputs = s.out_height * s.out_width * s.channels;
  // An image's outputs in packs, as channels of one position: a pack never spans two images.
  for_channel_packs(images, outputs, [&](std::int64_t image, int i, int n) {
    const T* source = x + image * s.height * s.width * s.channels;
    Largest best[Pack::size];
    for (Largest& b : best) b = {0, -1};
    if (s.channels % Pack::size == 0) {
      int position = i / s.channels, h = position / s.out_width, w = position % s.out_width;
      for_window(s, h, w, [&](int row, int column) {
        Pack values = load_pack(source + (std::int64_t{row} * s.width + column) * s.channels + i % s.channels);
        for (int j = 0; j < Pack::size; ++j) best[j].consider(values[j], s.place(row, column, h, w));
      });
    } else {
      for (int j = 0; j < Pack::size; ++j) {
        if (j >= n) continue;
        int position = (i + j) / s.channels, h = position / s.out_width, w = position % s.out_width;
        for_window(s, h, w, [&](int row, int column) {
          float value = source[(std::int64_t{row} * s.width + column) * s.channels + (i + j) % s.channels];
          best[j].consider(value, s.place(row, column, h, w));
        });
      }
    }
    Pack values;
    for (int j = 0; j < Pack::size; ++j) values[j] = best[j].value;
    store_pack(y + image * outputs + i, values, n);
    if (places) store_places(places + image * place_bytes + std::int64_t{i} * bits / 8, best, n, bits);
  });
}

template <typename T>
__global__ void max_pool_backward_kernel(std::int64_t images, Sliding s, const std::uint8_t* places,
                                         std::int64_t place_bytes, int bits, const T* dy, T* dx, bool accumulate) {
  unsigned low_bits = (1u << bits) - 1;
  std::int64_t outputs = std::int64_t{s.out_height} * s.out_width * s.channels;
  for_channel_packs(images * s.height * s.width, s.channels, [&](std::int64_t position, int c, int n) {
    int w = static_cast<int>(position % s.width), h = static_cast<int>(position / s.width % s.height);
    std::int64_t image = position / s.width / s.height;
    Span rows = s.over(h, s.out_height), columns = s.over(w, s.out_width);
    Pack sum{};
    for (int row = rows.begin; row < rows.end; ++row) {
      for (int column = columns.begin; column < columns.end; ++column) {
        std::int64_t first = (std::int64_t{row} * s.out_width + column) * s.channels + c;
        auto mine = static_cast<unsigned>(s.place(h, w, row, column));
        Pack values = load_pack(dy + image * outputs + first, n);
        for (int j = 0; j < Pack::size; ++j) {
          if (j >= n) continue;
          std::int64_t bit = (first + j) * bits;
          unsigned chosen = (places[image * place_bytes + bit / 8] >> (bit % 8)) & low_bits;
          if (chosen == mine) sum[j] += values[j];
        }
      }
    }
    store_pack(dx + position * s.channels + c, sum, n, accumulate);
  });
}

void max_pool_forward(const Tensor& x, const Window& window, const Tensor& y, const Tensor& places) {
  const Shape& out = y.shape();
  with_float_type(x.dtype(), "max_pool", [&](auto type) {
    using T = decltype(type);
    launch(max_pool_forward_kernel<T>, channel_pack_grid(out[0], out.count() / out[0]), block_size, 0, stream_of(x),
           out[0], Sliding(x.shape(), out, window), x.data<T>(), y.data<T>(),
           places ? places.data<std::uint8_t>() : nullptr, place_bytes(window, out), place_bits(window));
  });
}

void max_pool_backward(const Tensor& places, const Tensor& dy, const Window& window, const Tensor& dx,
                       bool accumulate) {
  const Shape& in = dx.shape();
  with_float_type(dy.dtype(), "max_pool", [&](auto type) {
    using T = decltype(type);
    launch(max_pool_backward_kernel<T>, channel_pack_grid(in[0] * in[1] * in[2], in[3]), block_size, 0, stream_of(dx),
           in[0], Sliding(in, dy.shape(), window), places.data<std::uint8_t>(), places.shape()[1], place_bits(window),
           dy.data<T>(), dx.data<T>(), accumulate);
  });
}

}  // namespace stint::cuda
