#pragma once

#include <stint/runtime/tensor.h>

namespace stint {

/// How the channels of a tensor [...,C] lie in memory, for CPU kernels that treat both packings with one loop: `blocks`
/// times a matrix of `rows` x `width` elements, of which block b holds the channels from channel(b) on.
///   plain: one block of (all positions) x C;  c16: N * C/16 blocks of (H*W) x 16.
struct ChannelMatrix {
  std::int64_t blocks;
  std::int64_t rows;
  std::int64_t width;
  std::int64_t channels;

  explicit ChannelMatrix(const Tensor& x) : channels(x.shape()[-1]) {
    bool c16 = x.packing() == Packing::c16;
    width = c16 ? 16 : channels;
    rows = c16 ? x.shape()[1] * x.shape()[2] : x.count() / channels;
    blocks = x.count() / (rows * width);
  }

  std::int64_t channel(std::int64_t block) const { return block * width % channels; }
};

/// The same for images [N,H,W,C]: `images` x `blocks` matrices of H*W x `width`.
struct ImageMatrix {
  std::int64_t images, blocks, height, width, channels;

  explicit ImageMatrix(const TensorSpec& x)
      : images(x.shape[0]),
        height(x.shape[1]),
        width(x.shape[2]),
        channels(x.packing == Packing::c16 ? 16 : x.shape[3]) {
    blocks = x.shape[3] / channels;
  }

  /// Offset of the first element of a block of an image.
  std::int64_t offset(std::int64_t image, std::int64_t block) const {
    return (image * blocks + block) * height * width * channels;
  }
};

}  // namespace stint
