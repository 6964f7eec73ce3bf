// Max pooling: images in parallel, so that overlapping windows need no atomics. Places are kept in storage order of y,
// `place_bits` each. Backward overwrites (or adds to) dx.

#include <stint/kernels/channels.h>
#include <stint/kernels/lanes.h>
#include <stint/kernels/max_pool/max_pool_kernels.h>
#include <stint/runtime/parallel.h>

#include <cstring>
#include <tuple>
#include <vector>

namespace stint::cpu {

namespace {

/// Calls body(output element, first row, first column...) for every output position of an image's block.
template <typename Body>
void for_outputs(const ImageMatrix& y, const Body& body) {
  for (std::int64_t block = 0; block < y.blocks; ++block) {
    for (std::int64_t h = 0; h < y.height; ++h) {
      for (std::int64_t w = 0; w < y.width; ++w) body(block, h, w);
    }
  }
}

/// The part of one output's window that lies in the image.
struct Field {
  std::int64_t top, bottom, left, right;
  std::int64_t first_place;  // of the position (0, 0), were it in the window
  int kernel;

  Field(const Window& window, std::int64_t h, std::int64_t w, const ImageMatrix& in) : kernel(window.kernel) {
    std::tie(top, bottom) = window.span(h, in.height);
    std::tie(left, right) = window.span(w, in.width);
    first_place = (window.padding - h * window.stride) * kernel + window.padding - w * window.stride;
  }

  /// The first of the largest of each channel, or the first NaN; `source`: the image's first pixel.
  template <typename T>
  void find_largest(const T* source, const ImageMatrix& in, std::int64_t n, Lanes& best, LaneInts& place) const {
    load(best, source + (top * in.width + left) * in.channels, n);
    place = LaneInts{} + static_cast<std::int32_t>(first_place + top * kernel + left);
    for (std::int64_t row = top; row < bottom; ++row) {
      for (std::int64_t column = left; column < right; ++column) {
        Lanes value;
        load(value, source + (row * in.width + column) * in.channels, n);
        LaneInts better = (value > best) | ((value != value) & (best == best));
        best = better ? value : best;
        place = better ? LaneInts{} + static_cast<std::int32_t>(first_place + row * kernel + column) : place;
      }
    }
  }
};

/// Calls body with the bits of a place as a constant.
template <typename Body>
void with_place_bits(const Window& window, const Body& body) {
  switch (place_bits(window)) {
    case 1:
      return body(std::integral_constant<int, 1>{});
    case 2:
      return body(std::integral_constant<int, 2>{});
    case 4:
      return body(std::integral_constant<int, 4>{});
    default:
      return body(std::integral_constant<int, 8>{});
  }
}

/// Writes the places of the elements from `element` on, of `bits` each, into bytes that are still 0.
template <int bits>
void or_places(const LaneInts& place, std::uint8_t* bytes, std::int64_t element, std::int64_t n) {
  for (std::int64_t lane = 0; lane < n; ++lane) {
    std::int64_t bit = (element + lane) * bits;
    bytes[bit / 8] |= static_cast<std::uint8_t>(place[lane] << (bit % 8));
  }
}

/// Adds dy of one image to the places where its largest values were found.
template <int bits, typename T, typename Sum>
void scatter(const Window& window, const ImageMatrix& in, const ImageMatrix& out, const std::uint8_t* places,
             const T* dy, Sum* dx) {
  std::int64_t offsets[1 << bits] = {};  // of a place, from the window's first
  for (int place = 0; place < std::min(window.kernel * window.kernel, 1 << bits); ++place) {
    offsets[place] = (place / window.kernel * in.width + place % window.kernel) * in.channels;
  }
  for_outputs(out, [&](std::int64_t block, std::int64_t h, std::int64_t w) {
    std::int64_t first = out.offset(0, block) + (h * out.width + w) * out.channels;
    std::int64_t row = h * window.stride - window.padding, column = w * window.stride - window.padding;
    std::int64_t corner = in.offset(0, block) + (row * in.width + column) * in.channels;
    for (std::int64_t c = 0, channels = out.channels; c < channels; ++c) {
      std::int64_t bit = (first + c) * bits;
      Sum& sum = dx[corner + offsets[places[bit / 8] >> (bit % 8) & ((1 << bits) - 1)] + c];
      sum = float(sum) + float(dy[first + c]);
    }
  });
}

}  // namespace

void max_pool_forward(const Tensor& x, const Window& window, const Tensor& y, const Tensor& places) {
  ImageMatrix in(x.spec()), out(y.spec());
  with_float_type(x.dtype(), "max_pool", [&](auto type) {
    using T = decltype(type);
    const T* source = x.data<T>();
    T* target = y.data<T>();
    parallel_for(in.images, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t n = begin; n < end; ++n) {
        std::uint8_t* image_places = nullptr;
        if (places) {
          image_places = places.data<std::uint8_t>() + n * places.shape()[1];
          std::memset(image_places, 0, places.shape()[1]);
        }
        for_outputs(out, [&](std::int64_t block, std::int64_t h, std::int64_t w) {
          std::int64_t first = out.offset(0, block) + (h * out.width + w) * out.channels;
          Field field(window, h, w, in);
          for_lanes(out.channels, [&](std::int64_t c, auto lanes) {
            Lanes best;
            LaneInts place;
            field.find_largest(source + in.offset(n, block) + c, in, lanes, best, place);
            store(best, target + out.offset(n, 0) + first + c, lanes);
            if (!image_places) return;
            with_place_bits(window, [&](auto bits) { or_places<bits>(place, image_places, first + c, lanes); });
          });
        });
      }
    });
  });
}

void max_pool_backward(const Tensor& places, const Tensor& dy, const Window& window, const Tensor& dx,
                       bool accumulate) {
  ImageMatrix in(dx.spec()), out(dy.spec());
  with_float_type(dy.dtype(), "max_pool", [&](auto type) {
    using T = decltype(type);
    const T* source = dy.data<T>();
    std::int64_t image_size = dx.count() / in.images;
    // Where windows overlap, what they give is added up in float and rounded once.
    bool direct = std::is_same_v<T, float> || window.stride >= window.kernel;
    parallel_for(in.images, 1, [&](std::int64_t begin, std::int64_t end) {
      std::vector<float> sums(direct ? 0 : image_size);
      for (std::int64_t n = begin; n < end; ++n) {
        const std::uint8_t* image_places = places.data<std::uint8_t>() + n * places.shape()[1];
        T* target = dx.data<T>() + n * image_size;
        if (!accumulate) std::fill_n(target, image_size, T(0.0f));
        with_place_bits(window, [&](auto bits) {
          if (direct) return scatter<bits>(window, in, out, image_places, source + out.offset(n, 0), target);
          std::copy_n(target, image_size, sums.data());
          scatter<bits>(window, in, out, image_places, source + out.offset(n, 0), sums.data());
          std::copy_n(sums.data(), image_size, target);
        });
      }
    });
  });
}

}  // namespace stint::cpu
