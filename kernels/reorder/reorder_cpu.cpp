// [N,H,W,C] to [N,C/16,H,W,16] and back: pixels move in pieces of 16 channels.

#include <stint/kernels/dispatch.h>
#include <stint/runtime/parallel.h>

#include <cstring>

namespace stint::cpu {

void reorder(const Tensor& from, const Tensor& to) {
  bool to_plain = to.packing() == Packing::plain;
  std::size_t element = size_of(from.dtype());
  std::size_t piece = 16 * element;
  std::int64_t blocks = from.shape()[3] / 16;
  std::int64_t pixels = from.shape()[1] * from.shape()[2];
  parallel_for(from.shape()[0], 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = begin; n < end; ++n) {
      for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
        for (std::int64_t block = 0; block < blocks; ++block) {
          std::size_t plain_place = ((n * pixels + pixel) * blocks + block) * piece;
          std::size_t c16_place = ((n * blocks + block) * pixels + pixel) * piece;
          std::memcpy(to.raw() + (to_plain ? plain_place : c16_place),
                      from.raw() + (to_plain ? c16_place : plain_place), piece);
        }
      }
    }
  });
}

}  // namespace stint::cpu
